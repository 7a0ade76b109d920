/** Four processes, one on each runtime, produce and consume on one store: what was acknowledged is what is stored is what was executed. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { createClient } from "@libsql/client";
import { runtimesHere, setStage, stores } from "./stage.ts";

const secondsOn = { SQLite: 10, Postgres: 5, Redis: 5 } as const;

for (const store of stores) {
  const seconds = secondsOn[store.name];
  test(`${store.name}: Node 20, Node 24, Deno and Bun share one store for ${seconds} s, and nothing is lost or done twice`, {
    ...store.needs,
    timeout: 90_000,
  }, async (t) => {
    await using stage = await setStage(store);
    const runtimes = runtimesHere();
    const members = runtimes.map(({ id, runtime }) => stage.start("crowd", { id }, runtime));
    await Promise.all(members.map((member) => member.hear("ready")));
    for (const member of members) member.tell("produce");
    await once(AbortSignal.timeout(seconds * 1_000), "abort");
    for (const member of members) member.tell("stop");
    await Promise.all(members.map((member) => member.hear("produced")));
    const reports = await Promise.all(members.map((member) => member.end()));

    const idsIn = (report: (typeof reports)[number], field: string): readonly string[] => {
      const ids = report[field];
      assert.ok(Array.isArray(ids));
      return ids.map(String);
    };
    const acknowledged = reports.flatMap((report) => idsIn(report, "acknowledged"));
    const executed = reports.flatMap((report) => idsIn(report, "executed"));
    const app = await stage.app();
    const stored: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await app.stack.results.list({ state: "succeeded" }, { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
      stored.push(...page.items.map(({ id }) => id));
      cursor = page.cursor;
    } while (cursor !== undefined);

    const each = reports.map((report, at) =>
      `${String(runtimes[at]?.id)} produced ${idsIn(report, "acknowledged").length} and ran ${idsIn(report, "executed").length}`
    );
    t.diagnostic(
      `${store.name}, ${seconds} s: ${acknowledged.length} acknowledged = ${stored.length} stored = ${executed.length} executed; ${
        each.join(", ")
      }`,
    );
    for (const report of reports) assert.deepEqual(idsIn(report, "wrong"), []);
    for (const report of reports) assert.ok(idsIn(report, "acknowledged").length > 0 && idsIn(report, "executed").length > 0);
    assert.deepEqual(stored.toSorted(), acknowledged.toSorted());
    assert.deepEqual(executed.toSorted(), acknowledged.toSorted());
    assert.deepEqual(await app.stack.broker.counts("default"), { ready: 0, delayed: 0, inflight: 0, dead: 0 });
    if (store.name !== "SQLite") return;
    const client = createClient({ url: stage.url.replace("sqlite:", "file:") });
    const { rows } = await client.execute("pragma integrity_check");
    client.close();
    t.diagnostic(`SQLite: pragma integrity_check says "${String(rows[0]?.["integrity_check"])}"`);
    assert.equal(rows[0]?.["integrity_check"], "ok");
  });
}
