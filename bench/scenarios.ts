/** Everything that is measured. */

import type { Adapter } from "@stem/stem";
import { claimBesideDead, claimBesideWaiting, resultBesideStored } from "./growth-scenarios.ts";
import { importMemory, importTime } from "./imports.ts";
import { processes } from "./many-processes.ts";
import type { Unit } from "./measure.ts";
import { growth, heldTasks } from "./memory-scenarios.ts";
import { checkRevocations, claimSchedules, runGroups, watchResult } from "./stem-scenarios.ts";
import { enqueue, enqueueBulk, pickup, process, roundTrip, slowPickup } from "./queue-scenarios.ts";
import { getManyResults, getResults, lock, setResults } from "./store-scenarios.ts";
import type { Faces, LockSystem, Place, QueueSystem, ResultSystem } from "./systems.ts";

/** How much is done per run. */
export interface Scale {
  /** Operations of a run that does one after the other. */
  readonly single: number;
  /** Operations of a run that does many at once: a multiple of 100. */
  readonly many: number;
  /** Single waits of which the median is taken. */
  readonly waits: number;
  /** What a lot is, where cost may grow with what is stored; little is a hundredth of it. */
  readonly large: number;
  /** How many rounds count. */
  readonly rounds: number;
}

/** A table of its own. */
export type Group = "tasks" | "stores" | "growth" | "imports";

/** One thing that is measured. */
export interface Scenario {
  /** Its name. */
  readonly name: string;
  /** What its figure counts. */
  readonly unit: Unit;
  /** The table that it belongs to. */
  readonly group: Group;
  /** Whether it takes minutes: done once, and only by name or with `--all`. */
  readonly isLong?: boolean;
  /** Does it once, where nothing is yet; `undefined` when that side cannot. */
  readonly run: (faces: Faces, place: Place, scale: Scale) => Promise<number | undefined>;
}

/** All scenarios, in the order of the tables. */
export const scenarios: readonly Scenario[] = [
  ofQueue("enqueue, one by one", "per second", (queue, { single }) => enqueue(queue, single, 1)),
  ofQueue("enqueue, 100 in flight", "per second", (queue, { many }) => enqueue(queue, many, 100)),
  ofQueue("enqueue, bulk of 1,000", "per second", (queue, { many }) => enqueueBulk(queue, many)),
  ofQueue("process, concurrency 1", "per second", (queue, { single }) => process(queue, single, 1)),
  ofQueue("process, concurrency 10", "per second", (queue, { many }) => process(queue, many, 10)),
  ofQueue("process, concurrency 100", "per second", (queue, { many }) => process(queue, many, 100)),
  ofQueue("enqueue to start, idle worker", "ms", pickup),
  ofQueue("enqueue to start, 99th percentile", "ms", slowPickup),
  ofQueue("enqueue to result", "ms", roundTrip),
  { ...ofStem("groups of 1,000", "per second", (adapter, { many }) => runGroups(adapter, many)), group: "tasks" },
  ofResults("result set, 100 in flight", (results, { many }) => setResults(results, many)),
  ofResults("result get, 100 in flight", (results, { many }) => getResults(results, many)),
  ofResults("result get, 100 with a call", (results, { many }) => getManyResults(results, many)),
  ofStem("result watched by 100", "ms", watchResult),
  ofLocks("lock and unlock, one by one", (locks, { single }) => lock(locks, single, 1)),
  ofLocks("lock and unlock, 100 in flight", (locks, { many }) => lock(locks, many, 100)),
  ofStem("revocation check, 100 with a call", "per second", (adapter, { many }) => checkRevocations(adapter, many)),
  long(ofStem("schedule claim and completion", "per second", claimSchedules)),
  long(ofStem("claim, few waiting tasks", "ms", (adapter, { large }) => claimBesideWaiting(adapter, large / 100))),
  long(ofStem("claim, many waiting tasks", "ms", (adapter, { large }) => claimBesideWaiting(adapter, large))),
  long(ofStem("claim, few dead letters", "ms", (adapter, { large }) => claimBesideDead(adapter, large / 1_000))),
  long(ofStem("claim, many dead letters", "ms", (adapter, { large }) => claimBesideDead(adapter, large / 10))),
  long(ofStem("result get and set, few stored", "ms", (adapter, { large }) => resultBesideStored(adapter, large / 100))),
  long(ofStem("result get and set, many stored", "ms", (adapter, { large }) => resultBesideStored(adapter, large))),
  long(ofProcesses("1 worker process", 1)),
  long(ofProcesses("4 worker processes", 4)),
  long(ofStem("memory of 1,000 held tasks", "MiB", (adapter, { large }) => heldTasks(adapter, Math.min(10_000, large)))),
  // In memory the store itself grows: it keeps results.
  long(notInMemory(ofQueue("memory growth over many tasks", "MiB", (queue, { large }) => growth(queue, large)))),
  { name: "import, time", unit: "ms", group: "imports", run: async ({ imports }, place) => imports && importTime(imports(place)) },
  { name: "import, memory", unit: "MiB", group: "imports", run: async ({ imports }, place) => imports && importMemory(imports(place)) },
];

/** The scenarios whose names hold `only`; the long ones too where it names one or `all` is asked for. */
export function chosen(only: string, all: boolean): readonly Scenario[] {
  return scenarios.filter(({ name, isLong }) => name.includes(only) && (isLong !== true || all || only !== ""));
}

type Work<System> = (system: System, scale: Scale) => Promise<number | undefined>;

function ofQueue(name: string, unit: Unit, work: Work<QueueSystem>): Scenario {
  return { name, unit, group: "tasks", run: ({ queue }, place, scale) => withSystem(queue, place, (system) => work(system, scale)) };
}

function ofResults(name: string, work: Work<ResultSystem>): Scenario {
  const run: Scenario["run"] = ({ results }, place, scale) => withSystem(results, place, (system) => work(system, scale));
  return { name, unit: "per second", group: "stores", run };
}

function ofLocks(name: string, work: Work<LockSystem>): Scenario {
  const run: Scenario["run"] = ({ locks }, place, scale) => withSystem(locks, place, (system) => work(system, scale));
  return { name, unit: "per second", group: "stores", run };
}

function ofStem(name: string, unit: Unit, work: Work<Adapter>): Scenario {
  return { name, unit, group: "stores", run: ({ adapter }, place, scale) => withSystem(adapter, place, (system) => work(system, scale)) };
}

/** Stem alone has programs for that, and its memory store is of one process. */
function ofProcesses(name: string, number: number): Scenario {
  const run: Scenario["run"] = async ({ adapter, queue }, place, { many }) =>
    adapter && withSystem(queue, place, (system) => processes(system, place, { count: many, number }));
  return notInMemory({ name, unit: "per second", group: "growth", run });
}

function long(scenario: Scenario): Scenario {
  return { ...scenario, group: "growth", isLong: true };
}

function notInMemory(scenario: Scenario): Scenario {
  return {
    ...scenario,
    run: async (faces, place, scale) => place.store === "memory" ? undefined : await scenario.run(faces, place, scale),
  };
}

async function withSystem<System extends { close(): Promise<void> }>(
  make: ((place: Place) => Promise<System>) | undefined,
  place: Place,
  work: (system: System) => Promise<number | undefined>,
): Promise<number | undefined> {
  if (make === undefined) return undefined;
  const system = await make(place);
  try {
    return await work(system);
  } finally {
    await system.close();
  }
}
