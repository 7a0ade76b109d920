const dayMs = 86_400_000;

// The calendar repeats itself, weekdays included, after 400 years.
const cycleDays = 146_097;

/** Dates and times of day that recur. A date fits when month, day and weekday fit. */
export interface CalendarRule {
  /** Months 1 to 12; absent means every month. */
  readonly months?: readonly number[];
  /** Days of the month, 1 to 31, or negative from its end; absent means every day. */
  readonly days?: readonly number[];
  /** ISO weekdays, 1 (Monday) to 7; absent means every weekday. */
  readonly weekdays?: readonly number[];
  /** Times of day as `"HH:MM"` or `"HH:MM:SS"`. */
  readonly times: readonly string[];
}

/** Reads `"HH:MM"` or `"HH:MM:SS"` as milliseconds since midnight; `undefined` when it is no time of day. */
export function timeOfDayMs(text: string): number | undefined {
  const match = /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/.exec(text);
  if (match === null) return undefined;
  const [, hour, minute, second = "0"] = match;
  return (Number(hour) * 3_600 + Number(minute) * 60 + Number(second)) * 1_000;
}

/** The first wall time after `wall` that fits the rule; `undefined` when none ever does. */
export function nextCalendarTime(rule: CalendarRule, wall: number): number | undefined {
  const times = rule.times.flatMap((text) => timeOfDayMs(text) ?? []).toSorted((a, b) => a - b);
  const first = Math.floor(wall / dayMs) * dayMs;
  for (let at = first; times.length > 0 && at <= first + cycleDays * dayMs; at += dayMs) {
    if (!fits(rule, new Date(at))) continue;
    const time = times.find((ms) => at + ms > wall);
    if (time !== undefined) return at + time;
  }
  return undefined;
}

function fits({ months, days, weekdays }: CalendarRule, date: Date): boolean {
  const month = date.getUTCMonth() + 1;
  if (months !== undefined && !months.includes(month)) return false;
  if (weekdays !== undefined && !weekdays.includes(date.getUTCDay() || 7)) return false;
  if (days === undefined) return true;
  const day = date.getUTCDate();
  if (days.includes(day)) return true;
  const last = new Date(Date.UTC(date.getUTCFullYear(), month, 0)).getUTCDate();
  return days.includes(day - last - 1);
}
