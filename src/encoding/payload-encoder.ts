import type { MaybePromise } from "../async/maybe-promise.ts";

/**
 * Turns what users hand in and get back into the JSON values that are stored, and the other way round.
 *
 * Laws: `encode` gives a JSON value (`null`, a boolean, a finite number, a string, an array or a plain object of these), or `undefined` for
 * "no value". `decode` is its inverse, on any machine that knows the same encoder. Neither changes what it is given. Both may be
 * asynchronous. The `id` is stored beside every payload, so it must never come to mean another format.
 *
 * @example
 * ```ts
 * import { TaskPayloadEncoder } from "@stem/stem";
 *
 * class DateEncoder extends TaskPayloadEncoder {
 *   readonly id = "date";
 *   encode(value: unknown): unknown {
 *     return value instanceof Date ? value.toISOString() : null;
 *   }
 *   decode(stored: unknown): unknown {
 *     return typeof stored === "string" ? new Date(stored) : null;
 *   }
 * }
 * ```
 */
export abstract class TaskPayloadEncoder {
  /** The name of the format: 1 to 64 characters out of letters, digits, `.`, `_`, `:`, `/` and `-`, beginning with a letter or digit. */
  abstract readonly id: string;

  /**
   * All that one encoder of this class may have different from another, as text: two of one class with equal settings do the same, and may be
   * given under one id. Must hold no secret. @default undefined, this encoder is only the same as itself
   */
  readonly settings?: string;

  /**
   * Gives the JSON value to store; `undefined` when there is no value.
   *
   * @throws {PayloadError} When the value cannot be carried. What else it throws reaches the caller as the cause of one.
   */
  abstract encode(value: unknown): MaybePromise<unknown>;

  /**
   * Gives back what was encoded.
   *
   * @throws {PayloadError} When this was not made by `encode`. What else it throws reaches the caller as the cause of one.
   */
  abstract decode(stored: unknown): MaybePromise<unknown>;
}
