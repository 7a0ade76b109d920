import { Cron } from "croner";
import { ConfigError } from "../errors.ts";

/** A cron expression that was read. */
export interface CronPattern {
  /** Whether it fires in any hour: its hour field begins with `*` or `?`. */
  readonly anyHour: boolean;
  /** The first wall time after `wall` that fits, to the whole second; `undefined` when there is none. */
  next(wall: number): number | undefined;
}

// Some entries have an expression of their own: a process that meets many of them over the years must not keep them all.
const keptPatterns = 1_000;

const patterns = new Map<string, CronPattern>();

/**
 * Reads a cron expression of 5 fields (minute, hour, day of month, month, weekday) or 6 (a second before them), or a nickname such as `@daily`.
 *
 * When both days are restricted, a date fits by either of them, as with every cron.
 *
 * @throws {ConfigError} when it cannot be read, or no date ever fits, such as 30 February.
 */
export function parseCron(expression: string): CronPattern {
  const known = patterns.get(expression);
  if (known !== undefined) return known;
  const pattern = read(expression);
  const [oldest] = patterns.keys();
  if (patterns.size >= keptPatterns && oldest !== undefined) patterns.delete(oldest);
  patterns.set(expression, pattern);
  return pattern;
}

function read(expression: string): CronPattern {
  const fields = typeof expression === "string" ? expression.trim().split(/\s+/) : [];
  // The library also takes a date for a pattern that fires once, and years in a seventh field.
  const isNickname = fields.length === 1 && fields[0]?.startsWith("@") === true;
  if (!isNickname && fields.length !== 5 && fields.length !== 6) {
    throw refusal(expression, "expected 5 or 6 fields, or @daily and its like");
  }
  let cron: Cron;
  try {
    // Without a zone: the library sees wall times only, so that cron and calendar follow one rule when a clock is set.
    cron = new Cron(expression.trim(), { utcOffset: 0, paused: true, mode: "5-or-6-parts" });
  } catch (error) {
    throw refusal(expression, error instanceof Error ? error.message.replace(/^CronPattern: /, "") : String(error), error);
  }
  const next = (wall: number): number | undefined => {
    const from = new Date(wall);
    // East of Greenwich a wall clock shows times beyond the last that a date can name.
    return Number.isNaN(from.getTime()) ? undefined : cron.nextRun(from)?.getTime();
  };
  if (next(Date.UTC(2000, 0, 1)) === undefined) throw refusal(expression, "no date ever fits it");
  const hours = isNickname ? fields[0]?.toLowerCase() === "@hourly" ? "*" : "0" : fields.at(-4) ?? "";
  return { anyHour: /^[*?]/.test(hours), next };
}

function refusal(expression: unknown, reason: string, cause?: unknown): ConfigError {
  const shown = typeof expression === "string" ? JSON.stringify(expression.slice(0, 60)) : String(expression);
  return new ConfigError(`Cannot use ${shown} as a cron expression: ${reason}`, { cause });
}
