/** What is measured of results and locks, whosever they are. */

import { inFlight, isPayload, payload, perSecond } from "./measure.ts";
import { expectCount } from "./queue-scenarios.ts";
import type { LockSystem, ResultSystem } from "./systems.ts";

/** Sets `count` results, 100 at once, or as many as five seconds allow: some flush each to the disk. Gives how many a second. */
export async function setResults(results: ResultSystem, count: number): Promise<number> {
  let done = 0;
  const rate = await perSecond(count, async () => done = await setAll(results, count));
  expectCount("results", await countFound(results, done), done);
  return rate;
}

/** Gets `count` results, 100 at once. Gives how many a second. */
export async function getResults(results: ResultSystem, count: number): Promise<number> {
  const stored = await setAll(results, count);
  let found = 0;
  const rate = await perSecond(stored, async () => found = await countFound(results, stored));
  expectCount("results", found, stored);
  return rate;
}

/** Gets `count` results, 100 with each call. Gives how many a second; `undefined` where one call gives one. */
export async function getManyResults(results: ResultSystem, count: number): Promise<number | undefined> {
  if (results.getMany === undefined) return undefined;
  const portions = Math.floor(await setAll(results, count) / 100);
  let found = 0;
  const rate = await perSecond(portions * 100, () =>
    inFlight(portions, 4, async (portion) => {
      const values = await results.getMany?.(Array.from({ length: 100 }, (_, at) => keyOf(portion * 100 + at)));
      found += values?.filter((value, at) => isOf(value, portion * 100 + at)).length ?? 0;
    }));
  expectCount("results", found, portions * 100);
  return rate;
}

/** Takes and gives back `count` locks, `width` at once. Gives how many a second. */
export async function lock(locks: LockSystem, count: number, width: number): Promise<number> {
  let released = 0;
  const rate = await perSecond(count, () =>
    inFlight(count, width, async (index) => {
      const release = await locks.acquire(`key-${index}`);
      if (await release()) released++;
    }));
  expectCount("locks given back", released, count);
  return rate;
}

/** Gives how many it set. */
async function setAll(results: ResultSystem, count: number): Promise<number> {
  const deadline = performance.now() + 5_000;
  let done = 0;
  await inFlight(count, 100, async (index) => {
    if (performance.now() > deadline) return;
    await results.set(keyOf(index), payload(index));
    done++;
  });
  return done;
}

async function countFound(results: ResultSystem, count: number): Promise<number> {
  let found = 0;
  await inFlight(count, 100, async (index) => {
    if (isOf(await results.get(keyOf(index)), index)) found++;
  });
  return found;
}

function keyOf(index: number): string {
  return `result-${index}`;
}

function isOf(value: unknown, index: number): boolean {
  return isPayload(value) && value.index === index;
}
