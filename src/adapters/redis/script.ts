import { FIRST, GIVEN_CLOCK, PRELUDE, SERVER_CLOCK } from "./prelude.ts";

/** A Lua script: one step over a batch, which the server carries out without anything in between. */
export interface Script {
  /** `operation` or `operation.part`; errors name the operation. */
  readonly name: string;
  /** The whole text, for the server's clock. */
  readonly text: string;
  /** The whole text, for a clock whose time goes before the other arguments. */
  readonly textForGivenClock: string;
  /** Whether carrying it out again with the same arguments does no harm and answers the same. */
  readonly idempotent: boolean;
}

/** How a script may be used. */
export interface ScriptOptions {
  /** Whether carrying it out again does no harm, when nobody knows whether it was. @default false */
  readonly idempotent?: boolean;
  /**
   * Whether it is carried out although the server is full: for what frees memory, or keeps what is held. @default false: it is refused as a whole
   */
  readonly evenWhenFull?: boolean;
  /**
   * What is tried first, and answers where all is as usual: before there is any function but those of the clock, because to make the functions of the
   * other parts takes the server longer than a task does. @default nothing
   */
  readonly usually?: string;
}

// Redis asks whether it is full only before a script's first write, and never before a deletion. There is no such key.
const FIRST_WRITE = "call('DEL', ns .. '!')";

/**
 * Makes a script of the prelude and the given parts: functions that several scripts share, then what this one does.
 *
 * `KEYS[1]` is the prefix of the namespace; the arguments stand in `ARGV`. JSON travels through as opaque text.
 *
 * @example
 * ```ts ignore
 * const touch = script("touch", [`return redis.call('SET', key('t:', ARGV[1]), now)`], { idempotent: true });
 * await database.run(touch, "stem", ["w1"]);
 * ```
 */
export function script(name: string, parts: readonly string[], options: ScriptOptions = {}): Script {
  const body = [FIRST, ...(options.evenWhenFull === true ? [FIRST_WRITE] : []), options.usually ?? "", PRELUDE, ...parts].join("\n");
  return Object.freeze({
    name,
    text: SERVER_CLOCK + body,
    textForGivenClock: GIVEN_CLOCK + body,
    idempotent: options.idempotent ?? false,
  });
}
