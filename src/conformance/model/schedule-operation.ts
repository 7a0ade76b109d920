import type { MisfirePolicy, ScheduleOutcome, ScheduleSpec } from "../../model/schedule.ts";
import type { Random } from "../../time/random.ts";

/** A schedule that an operation writes: a small number stands for its id. */
export interface DrawnSchedule {
  /** Which schedule. */
  readonly schedule: number;
  /** When it fires. */
  readonly spec: ScheduleSpec;
  /** Whether it fires at all. */
  readonly enabled: boolean;
  /** No slot before this instant; absent for no bound. */
  readonly startAt?: number;
  /** No slot after this instant; absent for no bound. */
  readonly endAt?: number;
  /** How many slots fire at most; absent for no bound. */
  readonly maxRuns?: number;
  /** What happens to missed slots; absent for the default. */
  readonly misfire?: MisfirePolicy;
  /** What is kept with it. */
  readonly meta: Readonly<Record<string, unknown>>;
  /** The version that is replaced; absent for any. */
  readonly version?: number;
}

/** How a slot ends. `back` counts claims back from the latest, stale ones included. */
export interface DrawnSlotEnd {
  /** Which claim. */
  readonly back: number;
  /** What became of it. */
  readonly kind: ScheduleOutcome["kind"];
  /** How long after the slot the next one comes; absent when none does. */
  readonly nextInMs?: number;
  /** Why; absent when nothing is said. */
  readonly message?: string;
}

/** One call of a schedule store, as data. */
export type ScheduleOperation =
  | { readonly kind: "plan"; readonly entry: DrawnSchedule }
  | { readonly kind: "unplan"; readonly schedule: number }
  | { readonly kind: "claimSlots"; readonly limit: number; readonly leaseMs: number }
  | { readonly kind: "endSlot"; readonly end: DrawnSlotEnd }
  | { readonly kind: "endSlots"; readonly ends: readonly DrawnSlotEnd[] }
  | { readonly kind: "giveBackSlots"; readonly back: readonly number[] }
  | { readonly kind: "plans" | "sweepPlans" };

/** How many different schedules there are. */
export const SCHEDULES = 4;

const start = Date.UTC(2026, 0, 1);
const times: readonly number[] = [1, 200, 1_000, 5_000, 20_000];

/** Draws a call of that kind. */
export function drawScheduleOperation(kind: ScheduleOperation["kind"], random: Random): ScheduleOperation {
  const int = (below: number): number => Math.min(below - 1, Math.floor(random() * below));
  const pick = <T>(from: readonly [T, ...T[]] | readonly T[], otherwise: T): T => from[int(from.length)] ?? otherwise;
  const maybe = <T extends object>(share: number, draw: () => T): T | Record<never, never> => random() < share ? draw() : {};
  const list = <T>(most: number, draw: () => T): readonly T[] => Array.from({ length: 1 + int(most) }, draw);
  const time = (): number => pick(times, 1);
  const end = (): DrawnSlotEnd => ({
    back: int(5),
    kind: pick<ScheduleOutcome["kind"]>(["dispatched", "dispatched", "skipped", "failed"], "dispatched"),
    ...maybe(0.9, () => ({ nextInMs: time() })),
    ...maybe(0.3, () => ({ message: "drawn \u0000" })),
  });
  switch (kind) {
    case "plan":
      return {
        kind,
        entry: {
          schedule: int(SCHEDULES),
          spec: pick<ScheduleSpec>([
            { kind: "interval", everyMs: 1_000 },
            { kind: "interval", everyMs: 3_000 },
            { kind: "cron", expression: "*/2 * * * * *" },
            { kind: "clocked", at: start + int(60) * 1_000 },
          ], { kind: "interval", everyMs: 500 }),
          enabled: random() < 0.85,
          ...maybe(0.2, () => ({ startAt: start + int(20) * 1_000 })),
          ...maybe(0.2, () => ({ endAt: start + (20 + int(60)) * 1_000 })),
          ...maybe(0.3, () => ({ maxRuns: 1 + int(4) })),
          ...maybe(0.2, () => ({ misfire: { kind: "skip" } as const })),
          meta: random() < 0.5 ? { a: 1, b: [null] } : { b: [null], a: 1 },
          ...maybe(0.3, () => ({ version: int(6) })),
        },
      };
    case "unplan":
      return { kind, schedule: int(SCHEDULES) };
    case "claimSlots":
      return { kind, limit: random() < 0.5 ? 1 : 1_000, leaseMs: time() };
    case "endSlot":
      return { kind, end: end() };
    case "endSlots":
      return { kind, ends: list(4, end) };
    case "giveBackSlots":
      return { kind, back: list(3, () => int(5)) };
    case "plans":
    case "sweepPlans":
      return { kind };
  }
}
