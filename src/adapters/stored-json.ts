import { fromText } from "../model/json-text.ts";

/** Reads back a value that this library turned into text; its type is that of what was checked on its way in. Always a fresh one. */
export function readStored<T>(text: string): T {
  // The one place where stored text gets a type: what went in was validated, and nobody else writes there.
  return fromText(text) as T;
}

/** Reads back a value that may be absent; `undefined` and SQL's null both mean that it is. */
export function readOptional<T>(text: string | null | undefined): T | undefined {
  return text === undefined || text === null ? undefined : readStored<T>(text);
}
