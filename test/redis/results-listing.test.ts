/** Lists of statuses on Redis while others write: the indexes they are read from change between two trips, and Redis deletes on its own. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisResultBackend } from "../../src/adapters/redis/results.ts";
import type { StatusFilter } from "../../src/model/task-status.ts";
import { needsRedis } from "../support/servers.ts";
import { withRedis } from "./databases.ts";

const STATES = ["retrying", "failed", "cancelled"] as const;

const options = { ...needsRedis, timeout: 30_000 };

/** Reads all pages; `between` happens after each. */
async function listAll(backend: RedisResultBackend, filter: StatusFilter, { limit = 10, between = async (_last: string) => {} } = {}) {
  const listed: string[] = [];
  for (let cursor: string | undefined;;) {
    const page = await backend.list(filter, { limit, ...(cursor === undefined ? {} : { cursor }) });
    listed.push(...page.items.map(({ id }) => id));
    if (page.cursor === undefined) return listed;
    cursor = page.cursor;
    await between(listed.at(-1) ?? "");
  }
}

for (const state of ["failed", "succeeded"] as const) {
  test(
    `redis: pages skip and repeat nothing while the server deletes what has expired: ${state}`,
    options,
    () =>
      withRedis(async ({ hold, namespace, client, keyOf }) => {
        const backend = new RedisResultBackend(hold, { namespace });
        const ids = Array.from({ length: 120 }, (_, at) => `task ${at}`);
        await backend.setMany(ids.map((id) => ({ id, state })));
        const gone = new Set<string>();
        const listed = await listAll(backend, { state }, {
          limit: 7,
          between: async (last) => {
            // The one that the cursor was made of, and one on the next page; later the sweep takes out what names them.
            const next = ids[ids.indexOf(last) - 2];
            for (const id of [last, ...(next === undefined ? [] : [next])]) {
              gone.add(id);
              await client.pexpire(keyOf(`s:${id}`), 0);
            }
            await backend.sweep();
          },
        });
        const stayed = ids.filter((id) => !gone.has(id)).toReversed();
        assert.deepEqual(listed.filter((id) => !gone.has(id)), stayed);
        assert.equal(new Set(listed).size, listed.length);
        assert.deepEqual(await listAll(backend, { state }), stayed);
      }),
  );
}

test(
  "redis: a page of rare states takes one trip, which sees all of them at one time, however many others there are",
  options,
  () =>
    withRedis(async ({ hold, namespace, trips }) => {
      const backend = new RedisResultBackend(hold, { namespace });
      const rare = Array.from({ length: 60 }, (_, at) => ({ id: `rare ${at}`, state: STATES[at * at % 3] ?? "failed" }));
      await backend.setMany(rare);
      await backend.setMany(Array.from({ length: 5_000 }, (_, at) => ({ id: `task ${at}`, state: "succeeded", payload: at })));
      trips();
      const newestFirst = rare.map(({ id }) => id).toReversed();
      assert.deepEqual((await backend.list({ state: ["cancelled", "failed", "retrying"] })).items.map(({ id }) => id), newestFirst);
      assert.deepEqual((await backend.list()).items.map(({ id }) => id), Array.from({ length: 100 }, (_, at) => `task ${4_999 - at}`));
      assert.deepEqual(trips(), ["list", "list"], "a task that goes from one to another in between would be missed, or listed twice");
      const paged = await listAll(backend, { state: ["failed", "retrying"] }, { limit: 7 });
      const expected = rare.filter(({ state }) => state !== "cancelled").map(({ id }) => id).toReversed();
      assert.deepEqual(paged, expected);
    }),
);
