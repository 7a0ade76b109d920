import { ConfigError } from "../errors.ts";
import type { Naming } from "./id.ts";
import { named, show, SUSPECT, validateId } from "./id.ts";

/**
 * Returns `meta` when every store can keep and search it: keys are ids, and no string inside holds a NUL character or half a
 * surrogate pair, since Postgres cannot look into JSON that does.
 *
 * @throws {ConfigError} that names the key and what stands there.
 */
export function validateMeta(meta: Readonly<Record<string, unknown>>, what: Naming): Readonly<Record<string, unknown>> {
  for (const key of Object.keys(meta)) {
    validateId(key, () => `a key of ${named(what)}`);
    if (holdsUnsearchableText(meta[key])) {
      throw new ConfigError(`Cannot use ${named(what)} with ${show(key)}: a string inside holds a NUL character or half a surrogate pair`);
    }
  }
  return meta;
}

// JSON text shows both as escapes; an escaped backslash before the u is ordinary text.
const UNSEARCHABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

function holdsUnsearchableText(value: unknown): boolean {
  if (value === null || typeof value === "number" || typeof value === "boolean" || value === undefined) return false;
  // Text without a NUL or any surrogate needs no second look; nearly all of it is so.
  if (typeof value === "string" && !SUSPECT.test(value)) return false;
  return UNSEARCHABLE.test(JSON.stringify(value) ?? "");
}
