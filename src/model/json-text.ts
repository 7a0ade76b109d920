import { PayloadError } from "../errors.ts";
import type { Naming } from "./id.ts";
import { named } from "./id.ts";

/**
 * Turns a JSON value into the text that a store keeps. `undefined` stays `undefined`: no value, which is not the same as `null`.
 *
 * @throws {PayloadError} when the value has no JSON text (a bigint, a cycle, a function) or the text is longer than `maxLength`.
 */
export function toText(value: unknown, what: Naming, maxLength: number = Number.POSITIVE_INFINITY): string | undefined {
  return value === undefined ? undefined : jsonTextOf(value, what, maxLength);
}

/** The same for a value that is there. */
export function jsonTextOf(value: unknown, what: Naming, maxLength: number = Number.POSITIVE_INFINITY): string {
  const text = stringify(value, what);
  if (text.length > maxLength) {
    throw new PayloadError(`Cannot store ${named(what)}: its JSON text has ${text.length} characters, expected at most ${maxLength}`);
  }
  return text;
}

/** Reads back what {@link toText} wrote; absent text (`undefined` or SQL's null) is `undefined`. Each call makes a fresh value. */
export function fromText(text: string | null | undefined): unknown {
  return text === undefined || text === null ? undefined : JSON.parse(text);
}

function stringify(value: unknown, what: Naming): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new PayloadError(`Cannot store ${named(what)}: it has no JSON text`, { cause });
  }
  if (text === undefined) throw new PayloadError(`Cannot store ${named(what)}: a ${typeof value} has no JSON text`);
  return text;
}
