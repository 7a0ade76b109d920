import { ConfigError } from "../errors.ts";

/** The longest id, name, queue, key or namespace that every store accepts, in UTF-16 code units. */
export const MAX_ID_LENGTH = 255;

// Postgres refuses NUL in text and libsql cuts the text there on read; lone surrogates come back as U+FFFD from both.
const NUL = "\u0000";

/**
 * Returns `value` when every store can keep it unchanged as an id, a name or a key: a string of 1 to 255 code units without NUL
 * characters or lone surrogates. Any other character is fine, `:` and spaces included.
 *
 * @throws {ConfigError} that names `what`, the value and what was expected.
 */
export function validateId(value: unknown, what: Naming): string {
  if (typeof value === "string" && value.length > 0 && value.length <= MAX_ID_LENGTH && !SUSPECT.test(value)) return value;
  return validateOddId(value, named(what));
}

/** What a value is, as an error names it; a function where naming it costs something, since nearly nobody asks. */
export type Naming = string | (() => string);

/** Names a value. */
export function named(what: Naming): string {
  return typeof what === "string" ? what : what();
}

/** Shows a rejected value inside an error message: quoted, and cut to a readable length. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (value === null || typeof value !== "object") return String(value);
  return Array.isArray(value) ? "an array" : "an object";
}

/** Finds a NUL or any surrogate. Nearly no text has one of these at all, and the engine finds that out ten times faster than a loop. */
// eslint-disable-next-line no-control-regex
export const SUSPECT: RegExp = /[\u0000\ud800-\udfff]/;

/** The slow way, for what is refused and for whole surrogate pairs. */
function validateOddId(value: unknown, what: string): string {
  if (typeof value !== "string") throw new ConfigError(`Cannot use ${show(value)} as ${what}: expected a string`);
  if (value.length === 0) throw new ConfigError(`Cannot use an empty string as ${what}: expected 1 to ${MAX_ID_LENGTH} characters`);
  if (value.length > MAX_ID_LENGTH) {
    throw new ConfigError(`Cannot use ${show(value)} as ${what}: it has ${value.length} characters, expected at most ${MAX_ID_LENGTH}`);
  }
  if (value.includes(NUL)) throw new ConfigError(`Cannot use ${show(value)} as ${what}: it contains a NUL character`);
  if (hasLoneSurrogate(value)) throw new ConfigError(`Cannot use ${show(value)} as ${what}: it contains half of a surrogate pair`);
  return value;
}

function hasLoneSurrogate(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = text.charCodeAt(at + 1);
    if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return true;
    at++;
  }
  return false;
}
