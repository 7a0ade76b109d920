import type { ScheduleEntry, ScheduleSpec } from "../model/schedule.ts";
import { formatMs } from "../time/duration.ts";

/** Says in a few words when a schedule fires. */
export function whenText(spec: ScheduleSpec): string {
  switch (spec.kind) {
    case "interval":
      return `every ${formatMs(spec.everyMs)}`;
    case "cron":
      return spec.expression;
    case "clocked":
      return `once at ${instantText(spec.at)}`;
    case "solar": {
      const shift = spec.offsetMs === undefined || spec.offsetMs === 0 ? "" : `${spec.offsetMs < 0 ? "" : "+"}${formatMs(spec.offsetMs)} `;
      return `${shift}${spec.event} at ${spec.latitude}, ${spec.longitude}`;
    }
    case "calendar": {
      const rules = [["months", spec.months], ["days", spec.days], ["weekdays", spec.weekdays]] as const;
      const dates = rules.flatMap(([name, values]) => values === undefined ? [] : [`${name} ${values.join(",")}`]);
      return `${dates.length === 0 ? "daily" : dates.join(" ")} at ${spec.times.join(",")}`;
    }
  }
}

/** Says when an entry fires next; the slot that a disabled one keeps is none of those. */
export function nextText({ enabled, nextRunAt }: Pick<ScheduleEntry, "enabled" | "nextRunAt">): string | undefined {
  return enabled && nextRunAt !== undefined ? instantText(nextRunAt) : undefined;
}

/** Says where an entry stands. */
export function stateText({ enabled, nextRunAt }: Pick<ScheduleEntry, "enabled" | "nextRunAt">): "enabled" | "disabled" | "ended" {
  if (!enabled) return "disabled";
  return nextRunAt === undefined ? "ended" : "enabled";
}

/** An instant for people, in UTC. */
export function instantText(instant: number): string {
  const date = new Date(instant);
  return Number.isNaN(date.getTime()) ? String(instant) : date.toISOString().replace(".000Z", "Z");
}

/** An instant as the wall clock of a zone shows it. */
export function wallText(instant: number, timeZone: string): string {
  const format = new Intl.DateTimeFormat("sv-SE", {
    timeZone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    weekday: "short",
    timeZoneName: "longOffset",
  });
  const parts = new Map(format.formatToParts(instant).map(({ type, value }) => [type, value]));
  const weekday = new Intl.DateTimeFormat("en", { timeZone, weekday: "short" }).format(instant);
  const [date, time] = [["year", "month", "day"] as const, ["hour", "minute", "second"] as const].map((names) =>
    names.map((name) => parts.get(name))
  );
  return `${weekday} ${date?.join("-") ?? ""} ${time?.join(":") ?? ""} ${parts.get("timeZoneName") ?? ""}`.trimEnd();
}
