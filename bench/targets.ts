/** What has to be reached: times a peer's figure, or figures of their own. */

import type { Measured, Report } from "./comparison.ts";
import { median } from "./measure.ts";
import type { StoreName } from "./systems.ts";

/** One target. */
export interface Target {
  /** Where. */
  readonly store: StoreName;
  /** Of which scenario. */
  readonly scenario: string;
  /** Beside whom; absent for a figure of its own. */
  readonly peer?: string;
  /** Beside which other scenario of Stem's. */
  readonly other?: string;
  /** The least it may be. */
  readonly atLeast?: number;
  /** The most it may be. */
  readonly atMost?: number;
}

const columns = [
  "enqueue, one by one",
  "enqueue, 100 in flight",
  "enqueue, bulk of 1,000",
  "process, concurrency 10",
  "process, concurrency 100",
] as const;

const stores: readonly StoreName[] = ["memory", "sqlite", "postgres", "redis"];
const durable = stores.filter((store) => store !== "memory");

/** All targets. */
export const targets: readonly Target[] = [
  ...row("redis", "bullmq", [1.2, 1.5, 3, 1.5, 2], 1),
  // It keeps no results; Stem does.
  ...row("postgres", "graphile-worker", [2, 8, 1, 0.7, 1], 1),
  ...row("postgres", "pg-boss", [1.5, 5, 1, 2, 1.3], 0.5),
  ...row("sqlite", "plainjob", [0.4, 1, 0.4, 1.5, 2], 0.02),
  ...besideKeyv("postgres", "keyv", 5),
  ...besideKeyv("sqlite", "keyv", 10),
  ...besideKeyv("sqlite", "keyv, WAL", 10),
  ...besideKeyv("redis", "keyv", 1),
  { store: "redis", scenario: "lock and unlock, one by one", peer: "redlock", atLeast: 1 },
  { store: "redis", scenario: "lock and unlock, 100 in flight", peer: "redlock", atLeast: 1 },
  ...stores.map((store) => ({ store, scenario: "claim, many waiting tasks", other: "claim, few waiting tasks", atMost: 1.5 })),
  ...durable.map((store) => ({ store, scenario: "memory growth over many tasks", atMost: 50 })),
  ...durable.map((store) => ({
    store,
    scenario: "4 worker processes",
    other: "1 worker process",
    // SQLite has one writer at a time: it must not collapse.
    atLeast: store === "sqlite" ? 0.7 : 1,
  })),
  ...row("memory", undefined, [undefined, 150_000, 300_000, 80_000, 100_000], undefined),
];

/** How a scenario did beside a target. */
export interface Verdict {
  /** The target. */
  readonly target: Target;
  /** What was reached: a ratio, or the figure. */
  readonly reached: number;
  /** Whether that is enough. */
  readonly isMet: boolean;
}

/** Judges what was measured; targets that were not measured are left out. */
export function judge({ store, scenarios }: Report): readonly Verdict[] {
  return targets.flatMap((target) => {
    if (target.store !== store) return [];
    const reached = reachedBy(target, scenarios);
    return reached === undefined ? [] : [{ target, reached, isMet: isMet(target, reached) }];
  });
}

function reachedBy({ scenario, peer, other }: Target, scenarios: readonly Measured[]): number | undefined {
  const measured = scenarios.find(({ name }) => name === scenario);
  if (measured === undefined) return undefined;
  if (peer !== undefined) return ratioOf(measured, peer)?.median;
  if (other === undefined) return figureOf(measured, "Stem");
  const beside = scenarios.find(({ name }) => name === other)?.sides["Stem"];
  return beside && ratioOf({ ...measured, sides: { ...measured.sides, beside } }, "beside")?.median;
}

/** A side's median; `undefined` when it does not take part. */
export function figureOf({ sides }: Measured, side: string): number | undefined {
  const runs = sides[side];
  return runs === undefined ? undefined : median(runs.map(({ value }) => value));
}

/** Stem's figure as a multiple of another side's, round by round. */
export function ratioOf({ sides }: Measured, other: string): { readonly median: number; readonly all: readonly number[] } | undefined {
  const theirs = sides[other];
  if (theirs === undefined) return undefined;
  const all = (sides["Stem"] ?? []).map(({ value }, round) => value / (theirs[round]?.value ?? Number.NaN));
  return { median: median(all), all };
}

function besideKeyv(store: StoreName, peer: string, leastSet: number): readonly Target[] {
  return [
    { store, scenario: "result set, 100 in flight", peer, atLeast: leastSet },
    { store, scenario: "result get, 100 in flight", peer, atLeast: 1 },
  ];
}

function isMet({ atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY }: Target, reached: number): boolean {
  return reached >= atLeast && reached <= atMost;
}

function row(
  store: StoreName,
  peer: string | undefined,
  least: readonly (number | undefined)[],
  pickup: number | undefined,
): readonly Target[] {
  const beside = peer === undefined ? {} : { peer };
  return [
    ...columns.flatMap((scenario, at) => {
      const atLeast = least[at];
      return atLeast === undefined ? [] : [{ store, scenario, ...beside, atLeast }];
    }),
    ...pickup === undefined ? [] : [{ store, scenario: "enqueue to start, idle worker", ...beside, atMost: pickup }],
  ];
}
