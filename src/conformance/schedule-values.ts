import type { MisfirePolicy, ScheduledTask, ScheduleInput, ScheduleSpec } from "../model/schedule.ts";
import type { Random } from "../time/random.ts";
import { META_VALUES } from "./values.ts";

/** The kinds of schedules. */
export const SCHEDULE_KINDS: readonly ScheduleSpec["kind"][] = ["interval", "cron", "solar", "clocked", "calendar"];

const zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Chatham"];
const expressions = [
  "* * * * *",
  "*/5 8-18 * * mon-fri",
  "30 15 10 * * *",
  "0 0 1,15 jan,jul *",
  "0 12 * * 0",
  "@daily",
  "0 3 L * *",
  "0 9 * * 1#2",
];
const times = ["00:00", "06:30", "12:00:01", "23:59:59"];
const events = ["sunrise", "sunset", "noon", "dawn", "dusk"] as const;
const texts = ["plain", "Grüße, 你好 👩‍👩‍👧‍👦", "'\"`\\ \n %s $1 ?; --", "__proto__"];
const year = 31_536_000_000;
const earliest = Date.UTC(2026, 0, 1);

/** Draws a schedule of a kind that every store can keep: each optional field is there in about half of them. */
export function drawSchedule(id: string, kind: ScheduleSpec["kind"], random: Random): ScheduleInput {
  const int = (from: number, to: number): number => Math.min(to, from + Math.floor(random() * (to - from + 1)));
  const pick = <T>(from: readonly T[]): T => itemOf(from, int(0, from.length - 1));
  const maybe = <T extends object>(draw: () => T): T | Record<never, never> => random() < 0.5 ? draw() : {};
  const some = (from: readonly number[]): readonly number[] => [...new Set(Array.from({ length: int(1, 4) }, () => pick(from)))];
  const json = (): unknown => pick(META_VALUES)[1];
  const span = { ...maybe(() => ({ startAt: earliest + int(0, year) })), ...maybe(() => ({ endAt: earliest + int(year, 3 * year) })) };
  const limits = { ...maybe(() => ({ jitterMs: int(0, 1_000) })), ...maybe(() => ({ expiresAfterMs: int(2_000, year) })) };
  return {
    id,
    spec: drawSpec(),
    task: drawTask(),
    ...span,
    ...limits,
    ...maybe(() => ({ timeZone: pick(zones) })),
    ...maybe(() => ({ maxRuns: int(1, 2_147_483_647) })),
    ...maybe(() => ({ enabled: random() < 0.5 })),
    ...maybe(() => ({
      misfire: pick<MisfirePolicy>([{ kind: "skip" }, { kind: "fire-once" }, { kind: "catch-up", limit: int(1, 1_000) }]),
    })),
    ...maybe(() => ({ meta: { [pick(texts)]: json(), list: [json(), null] } })),
  };

  function drawSpec(): ScheduleSpec {
    switch (kind) {
      case "interval":
        return { kind, everyMs: int(1_000, 10 * year) };
      case "cron":
        return { kind, expression: pick(expressions) };
      case "solar":
        return {
          kind,
          event: pick(events),
          latitude: Math.round((random() - 0.5) * 1.2e8) / 1e6,
          longitude: (random() - 0.5) * 360,
          ...maybe(() => ({ offsetMs: int(-86_400_000, 86_400_000) })),
        };
      case "clocked":
        return { kind, at: earliest + year };
      case "calendar":
        return {
          kind,
          ...maybe(() => ({ months: some([1, 2, 6, 12]) })),
          ...maybe(() => ({ days: some([1, 28, -1, -28]) })),
          ...maybe(() => ({ weekdays: some([1, 3, 6, 7]) })),
          times: [...new Set([pick(times), pick(times)])],
        };
    }
  }

  function drawTask(): ScheduledTask {
    return {
      name: pick(["report", "a:b c", ...texts]),
      ...maybe(() => ({ args: json() })),
      ...maybe(() => ({ headers: { tenant: pick(texts), "x-Ü": "" } })),
      ...maybe(() => ({ meta: { [pick(texts)]: json() } })),
      ...maybe(() => ({ queue: pick(texts) })),
      ...maybe(() => ({ priority: int(0, 9) })),
      ...maybe(() => ({ maxRetries: int(0, 100) })),
      ...maybe(() => ({ retryPolicy: { backoff: "linear", delay: int(1, 1_000), maxDelay: "1h", jitter: 0.25 } as const })),
      ...maybe(() => ({ visibilityTimeoutMs: int(1, year) })),
      ...maybe(() => ({ softTimeLimitMs: int(1, year) })),
      ...maybe(() => ({ timeLimitMs: int(1, year) })),
      ...maybe(() => ({ resultTtlMs: int(1, year) })),
      ...maybe(() => ({ ignoreResult: random() < 0.5 })),
    };
  }
}

function itemOf<T>(from: readonly T[], index: number): T {
  const item = from[index];
  if (item === undefined) throw new RangeError(`Nothing stands at ${index} of ${from.length}`);
  return item;
}
