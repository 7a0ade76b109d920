/** How soon after a handler's end whoever awaits the result in another process wakes up: from the end itself, so that storing it counts too. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { machineMs } from "./programs/talk.ts";
import { inMs, median, setStage, stores } from "./stage.ts";

const ROUNDS = 100;
const limits = { SQLite: 50, Postgres: 10, Redis: 10 } as const;

for (const store of stores) {
  const limitMs = limits[store.name];
  test(
    `${store.name}: a result awaited in another process arrives within ${limitMs} ms`,
    { ...store.needs, timeout: 60_000 },
    async (t) => {
      await using stage = await setStage(store);
      const app = await stage.app();
      const worker = stage.start("worker", { quiet: true });
      await worker.hear("ready");
      const delays: number[] = [];
      const whole: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const startedAt = machineMs();
        const handle = await app.stem.enqueue<unknown, { endedAt: number }>("work");
        const { endedAt } = await handle.result({ timeout: "10s" });
        const now = machineMs();
        delays.push(now - endedAt);
        whole.push(now - startedAt);
      }
      const [slowest = 0] = delays.toSorted((a, b) => b - a);
      t.diagnostic(
        `${store.name}: the median of ${ROUNDS} wake-ups was ${inMs(median(delays))} after the handler's end (slowest ${inMs(slowest)}); ` +
          `from the enqueue on it was ${inMs(median(whole))}`,
      );
      assert.ok(median(delays) >= 0 && median(delays) < limitMs, `the median was ${median(delays)} ms`);
    },
  );
}
