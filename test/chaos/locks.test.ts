/** Locks over processes: a number that many raise one at a time, and a holder that stood still and is refused. */

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { inMs, setStage, stores } from "./stage.ts";

const PROCESSES = 8;
const ROUNDS = 500;
const TTL_MS = 1_000;

describe("locks over processes", () => {
  for (const store of stores) {
    test(`${store.name}: ${PROCESSES} processes that each raise a number ${ROUNDS} times under a lock end at ${PROCESSES * ROUNDS}`, {
      ...store.needs,
      timeout: 180_000,
    }, async (t) => {
      await using stage = await setStage(store);
      const file = join(stage.folder, "number");
      await writeFile(file, "0");
      const programs = Array.from({ length: PROCESSES }, (_, index) => stage.start("counter", { id: `p${index}`, file, rounds: ROUNDS }));
      await Promise.all(programs.map((program) => program.hear("ready")));
      const startedAt = performance.now();
      for (const program of programs) program.tell("start");
      const ends = await Promise.all(programs.map((program) => program.end(150_000)));
      const tookMs = performance.now() - startedAt;
      assert.equal(Number(await readFile(file, "utf8")), PROCESSES * ROUNDS);
      assert.deepEqual(ends.map(({ isRising }) => isRising), ends.map(() => true));
      t.diagnostic(
        `${store.name}: ${PROCESSES * ROUNDS} times in ${inMs(tookMs)}, ${Math.round(PROCESSES * ROUNDS / tookMs * 1_000)} a second`,
      );
    });

    test(`${store.name}: what a holder writes that stood still beyond its time is refused by the fence`, {
      ...store.needs,
      timeout: 60_000,
    }, async (t) => {
      await using stage = await setStage(store);
      const stalled = stage.start("guard", { id: "stalled", ttl: TTL_MS });
      const [held] = await stalled.hear("holds");
      stalled.signal("SIGSTOP");
      const heir = stage.start("guard", { id: "heir", ttl: 60_000, wait: 30_000 });
      const [taken] = await heir.hear("holds");
      assert.ok(Number(taken?.["token"]) > Number(held?.["token"]), "The heir's token is not higher");
      heir.tell("write");
      const [written] = await heir.hear("wrote");
      assert.deepEqual(written, { type: "wrote", guarded: true, compared: true, isAborted: false, isRenewed: true });

      stalled.signal("SIGCONT");
      stalled.tell("write");
      const [refused] = await stalled.hear("wrote");
      assert.deepEqual(refused, { type: "wrote", guarded: false, compared: false, isAborted: true, isRenewed: false });
      await Promise.all([stalled.end(), heir.end()]);
      assert.deepEqual([stalled.said("left"), heir.said("left")].flat().map(({ by }) => by), ["CONFLICT", "the end"]);
      t.diagnostic(`${store.name}: token ${String(held?.["token"])} was refused after token ${String(taken?.["token"])}`);
    });
  }
});
