import { ConfigError } from "../errors.ts";
import { show } from "../model/id.ts";
import type { Duration } from "../time/duration.ts";
import { durationMs } from "../time/duration.ts";

/**
 * What becomes of a call while a task that counts as the same has not ended:
 *
 * - `reject`: the call throws `ConflictError`;
 * - `existing`: the call answers with that task;
 * - `debounce`: the new task takes the place of the one that waits;
 * - `throttle`: the call answers with that task, until `window` has passed since it was enqueued, whatever became of it.
 */
export type UniqueMode = "reject" | "existing" | "debounce" | "throttle";

/** What a call of a task must be alone with. */
export interface UniqueOptions {
  /** What becomes of a call that is not alone. @default "reject" */
  readonly mode?: UniqueMode | undefined;
  /** What makes two calls of one name and queue the same: a text, or a function of the arguments. @default all arguments */
  readonly key?: string | UniqueKey | undefined;
  /**
   * How long a task that waits counts without being claimed, beyond its delay. While it runs this is renewed, and when it ends it is over.
   * @default "1d"
   */
  readonly ttl?: Duration | undefined;
  /** How long a `throttle` lets no other call through; needed there, and of no use elsewhere. */
  readonly window?: Duration | undefined;
}

/** Tells calls apart by their arguments. A method's type, so that a task may name the type of its own arguments. */
export type UniqueKey = { of(args: unknown): string }["of"];

/** How a task is unique: yes with the defaults, in a way of its own, or not at all. */
export type UniqueOption = boolean | UniqueOptions | null | undefined;

/** Options of uniqueness, checked and complete. */
export interface UniqueSettings {
  /** What becomes of a call that is not alone. */
  readonly mode: UniqueMode;
  /** What makes two calls the same; absent for all arguments. */
  readonly key: string | UniqueKey | undefined;
  /** How long a claim on the key lasts: that of a waiting task, or the window of a throttle. */
  readonly ttlMs: number;
}

const MODES: readonly UniqueMode[] = ["reject", "existing", "debounce", "throttle"];

/**
 * Decides how a call is unique. What the call says replaces what its task says; `true` means as the task says, `false` and `null` not at all.
 *
 * @throws {ConfigError} that names the option, its value and what was expected.
 */
export function uniqueSettings(ofTask: UniqueOption, ofCall: UniqueOption): UniqueSettings | undefined {
  const option = ofCall === undefined || (ofCall === true && ofTask) ? ofTask : ofCall;
  if (option === undefined || option === null || option === false) return undefined;
  if (option !== true && (typeof option !== "object" || Array.isArray(option))) {
    throw new ConfigError(`Cannot use ${show(option)} as unique: expected true, options, or null for none`);
  }
  const { mode = "reject", key, ttl, window }: UniqueOptions = option === true ? {} : option;
  if (!MODES.includes(mode)) {
    throw new ConfigError(`Cannot use ${show(mode)} as unique.mode: expected "reject", "existing", "debounce" or "throttle"`);
  }
  if (key !== undefined && typeof key !== "string" && typeof key !== "function") {
    throw new ConfigError(`Cannot use ${show(key)} as unique.key: expected a text, or a function that gives one`);
  }
  if (mode === "throttle" && window === undefined) throw new ConfigError(`Cannot throttle without a window: expected unique.window`);
  if (mode !== "throttle" && window !== undefined) {
    throw new ConfigError(`Cannot use unique.window with mode ${show(mode)}: expected it with "throttle"`);
  }
  const ttlMs = window === undefined ? durationMs(ttl ?? "1d", "unique.ttl", { min: 1 }) : durationMs(window, "unique.window", { min: 1 });
  return { mode, key, ttlMs };
}
