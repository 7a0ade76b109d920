import { PayloadError } from "../errors.ts";

/**
 * Turns a JSON value into the text that a store keeps. `undefined` stays `undefined`: no value, which is not the same as `null`.
 *
 * @throws {PayloadError} when the value has no JSON text (a bigint, a cycle, a function) or the text is longer than `maxLength`.
 */
export function toText(value: unknown, what: string, maxLength: number = Number.POSITIVE_INFINITY): string | undefined {
  if (value === undefined) return undefined;
  const text = stringify(value, what);
  if (text.length > maxLength) {
    throw new PayloadError(`Cannot store ${what}: its JSON text has ${text.length} characters, expected at most ${maxLength}`);
  }
  return text;
}

/** Reads back what {@link toText} wrote; absent text (`undefined` or SQL's null) is `undefined`. Each call makes a fresh value. */
export function fromText(text: string | null | undefined): unknown {
  return text === undefined || text === null ? undefined : JSON.parse(text);
}

function stringify(value: unknown, what: string): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new PayloadError(`Cannot store ${what}: it has no JSON text`, { cause });
  }
  if (text === undefined) throw new PayloadError(`Cannot store ${what}: a ${typeof value} has no JSON text`);
  return text;
}
