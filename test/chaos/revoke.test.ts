/** Revocations from another process: what waits never starts, what runs hears of it within a second, and both hold after every process ended. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { TaskHandle } from "../../src/mod.ts";
import { TaskRevokedError } from "../../src/mod.ts";
import { needsPostgres, needsRedis, postgresUrl, redisUrl } from "../support/servers.ts";
import type { Message } from "./programs/talk.ts";
import type { Program } from "./stage.ts";
import { forget, inMs, LIMIT_MS, median, setStage, stores } from "./stage.ts";

const TRIALS = 10;
const AT_MOST_MS = 1_000;

const file = (folder: string) => `sqlite:${join(folder, "chaos.db")}`;

const places = [
  ...stores.map((store) => ({ ...store, revocationsIn: (_folder: string) => "" })),
  ...[
    { name: "tasks on Postgres, revocations in SQLite", needs: needsPostgres, urlIn: postgresUrl, revocationsIn: file },
    { name: "tasks in SQLite, revocations on Postgres", needs: needsPostgres, urlIn: file, revocationsIn: postgresUrl },
    { name: "tasks on Redis, revocations in SQLite", needs: needsRedis, urlIn: redisUrl, revocationsIn: file },
    { name: "tasks in SQLite, revocations on Redis", needs: needsRedis, urlIn: file, revocationsIn: redisUrl },
  ],
];

function numberIn(message: Message | undefined, key: string): number {
  const value = message?.[key];
  assert.ok(typeof value === "number", `a program did not tell ${key}`);
  return value;
}

async function expectRevoked(handle: TaskHandle): Promise<void> {
  await assert.rejects(handle.result({ timeout: LIMIT_MS }), (error) => {
    assert.ok(error instanceof TaskRevokedError);
    assert.deepEqual([error.reason, error.requestedBy], ["from elsewhere", "revoker"]);
    return true;
  });
}

async function revoke(revoker: Program, target: unknown, terminate: boolean): Promise<Message> {
  const before = revoker.said("revoked").length;
  revoker.tell(JSON.stringify({ target, terminate }));
  const answers = await revoker.hear("revoked", before + 1);
  const last = answers[before];
  assert.ok(last !== undefined);
  return last;
}

describe("revocations from another process", { concurrency: true }, () => {
  for (const place of places) {
    test(`${place.name}: a queued task never starts, a running one is told within a second, and all of it holds after a restart`, {
      ...place.needs,
      timeout: 120_000,
    }, async (t) => {
      await using stage = await setStage(place);
      const revocations = place.revocationsIn(stage.folder);
      t.after(() => forget(revocations, stage.place));
      const app = await stage.app();
      const [worker, revoker] = [stage.start("revocable", { revocations }), stage.start("revoker", { revocations })];
      await Promise.all([worker.hear("ready"), revoker.hear("ready")]);

      const delays: number[] = [];
      for (let trial = 0; trial < TRIALS; trial++) {
        const running = await app.stem.enqueue("endless", { id: `running-${trial}` });
        await worker.hear("begun", trial + 1);
        const asked = await revoke(revoker, running.id, true);
        const aborted = (await worker.hear("aborted", trial + 1))[trial];
        assert.match(String(aborted?.["reason"]), /was revoked: from elsewhere$/);
        delays.push(numberIn(aborted, "at") - numberIn(asked, "at"));
        await expectRevoked(running);
      }
      t.diagnostic(
        `${place.name}: from the call in one process to the signal in another ${inMs(median(delays))} in the middle, ` +
          `${inMs(Math.max(...delays))} at most, of ${TRIALS}`,
      );
      assert.ok(Math.max(...delays) <= AT_MOST_MS, `it took up to ${Math.max(...delays)} ms`);

      const waiting = await app.stem.enqueue("endless", { id: "delayed", delay: "1h" });
      assert.equal((await revoke(revoker, waiting.id, false))["found"], "cancelled");
      await expectRevoked(waiting);
      await revoke(revoker, { kind: "header", header: "tenant", value: "acme" }, true);
      await revoke(revoker, "to-come", false);

      // Nobody is left who has heard any of it.
      await Promise.all([worker.kill(), revoker.kill()]);
      const [stamped, toCome, wanted] = await app.stem.enqueueMany([
        { task: "endless", id: "stamped", headers: { tenant: "acme" } },
        { task: "endless", id: "to-come" },
        { task: "endless", id: "wanted" },
      ]);
      assert.ok(stamped !== undefined && toCome !== undefined && wanted !== undefined);
      const [heir, again] = [stage.start("revocable", { revocations, id: "heir" }), stage.start("revoker", { revocations })];
      await Promise.all([heir.hear("begun"), again.hear("ready")]);
      await Promise.all([expectRevoked(stamped), expectRevoked(toCome)]);
      assert.deepEqual(heir.said("begun").map(({ id }) => id), ["wanted"]);
      await revoke(again, wanted.id, true);
      await expectRevoked(wanted);
      assert.deepEqual([...worker.said("error"), ...heir.said("error")], []);
      await Promise.all([heir.end(), again.end()]);
    });
  }
});
