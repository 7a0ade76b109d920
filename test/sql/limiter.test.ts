/** What only SQL limiters have: how many statements an operation takes, however many it asks for, and rows by which keys are locked. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { SqlRateLimiter } from "../../src/adapters/sql/limiter.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { dialects } from "./databases.ts";

const timeout = 30_000;
const rate = { limit: 1_000, per: "1s" } as const;

for (const { name, needs, withDatabase } of dialects) {
  const locks = name === "postgres";
  test(`${name}: one transaction asks for any number of tokens or permits`, { ...needs, timeout }, async () => {
    const trips: string[] = [];
    await withDatabase(async (database) => {
      const limiter = new SqlRateLimiter({ database, release: async () => {} });
      const during = async <T>(work: () => Promise<T>): Promise<readonly [T, readonly string[]]> => {
        const from = trips.length;
        const answer = await work();
        return [answer, trips.slice(from)];
      };
      const keys = Array.from({ length: 200 }, (_, at) => `key ${at % 20}`);
      const within = (statements: readonly string[]) => ["begin", ...statements.filter((one) => locks || !one.endsWith(".lock")), "commit"];

      const [, taken] = await during(() => limiter.acquireMany(keys.map((key) => ({ ...rate, key }))));
      assert.deepEqual(taken, within(["acquire.lock", "acquire.read", "acquire.put"]));
      const [decisions, entered] = await during(() =>
        limiter.enter(keys.map((key, at) => ({ key, holder: `holder ${at}`, limit: 100, ttl: "1m" })))
      );
      assert.deepEqual(entered, within(["enter.lock", "enter.read", "enter.put"]));
      const permits = decisions.flatMap(({ permit }) => permit ?? []);
      assert.equal(permits.length, 200);
      const [, renewed] = await during(() => limiter.renewPermits(permits, "1m"));
      assert.deepEqual(renewed, within(["enter.lock", "renewPermits"]));
      const [, left] = await during(() => limiter.leave(permits));
      assert.deepEqual(left, ["leave"]);

      // Calls made while one is under way share the next transaction.
      const [, together] = await during(() => Promise.all(keys.map((key) => limiter.acquire(key, rate))));
      assert.ok(together.filter((trip) => trip === "begin").length <= 2, `${together.length} trips`);
      await limiter.close();
    }, { onTrip: ({ kind, name: statement }) => void trips.push(kind === "statement" ? statement : kind) });
  });

  test(`${name}: what permits cost does not grow with those of other keys`, { ...needs, timeout }, () =>
    withDatabase(async (database) => {
      const limiter = new SqlRateLimiter({ database, release: async () => {} });
      const requests = (count: number, prefix: string) =>
        Array.from({ length: count }, (_, at) => ({ key: `${prefix} ${at}`, holder: "holder", limit: 1, ttl: "1h" }));
      for (let round = 0; round < 10; round++) await limiter.enter(requests(2_000, `stored ${round}`));
      const started = performance.now();
      const decisions = await limiter.enter(requests(1_000, "asked"));
      const tookMs = performance.now() - started;
      assert.equal(decisions.filter(({ permit }) => permit !== undefined).length, 1_000);
      // Once through all that is stored for each key took 4 seconds.
      assert.ok(tookMs < 1_500, `It took ${Math.round(tookMs)} ms`);
      await limiter.close();
    }));

  test(`${name}: one sweep deletes all rows by which keys were locked, however many`, { ...needs, timeout }, async () => {
    const clock = new ManualClock();
    const sweeps: string[] = [];
    await withDatabase(async (database) => {
      const limiter = new SqlRateLimiter({ database, release: async () => {} });
      const requests = Array.from({ length: 25 }, (_, at) => ({ key: `key ${at}`, holder: "holder", limit: 1, ttl: "1s" }));
      await limiter.leave((await limiter.enter(requests)).flatMap(({ permit }) => permit ?? []));
      await clock.advance(60_000);
      assert.equal(await limiter.sweep({ limit: 10 }), 0);
      assert.equal(sweeps.length, locks ? 3 : 1);
      await limiter.sweep({ limit: 10 });
      assert.equal(sweeps.length, locks ? 4 : 2);
      await limiter.close();
    }, {
      clock,
      onTrip: (trip) => {
        if (trip.kind === "statement" && trip.name === "sweep.permitLocks") sweeps.push(trip.name);
      },
    });
  });
}
