import { fromText } from "../model/json-text.ts";

/** Gives a value that this library has stored the type of what was checked on its way in. */
export function readAs<T>(value: unknown): T {
  // The one place where what was stored gets a type: what went in was validated, and nobody else writes there.
  return value as T;
}

/** Reads back a value that this library turned into text. Always a fresh one. */
export function readStored<T>(text: string): T {
  return readAs<T>(fromText(text));
}

/** Reads back a value that may be absent; `undefined` and SQL's null both mean that it is. */
export function readOptional<T>(text: string | null | undefined): T | undefined {
  return text === undefined || text === null ? undefined : readStored<T>(text);
}
