import type { Naming } from "../../model/id.ts";
import { fromText, jsonTextOf } from "../../model/json-text.ts";
import { deepestJson, isPlainArray, isPlainObject } from "../../model/json-value.ts";
import type { JsonForm } from "../json-form.ts";

/**
 * The form of stores in this process: a copy that nobody else holds and nobody changes. It costs a tenth of text, and its strings stay shared with
 * whoever gave them. What JSON would change or refuse, and what may be too long, goes by way of text after all: the outcome is always the same.
 */
export const jsonCopies: JsonForm<unknown> = Object.freeze({ take, lengthOf: () => 0 });

/** Gives a copy of what is kept, for whoever may change it. */
export function copyOf(kept: unknown): unknown {
  return copyAt(0, kept);
}

function copyAt(depth: number, kept: unknown): unknown {
  if (typeof kept !== "object" || kept === null) return kept;
  // Deeper than a call for each level should go.
  if (depth === deepestJson) return fromText(JSON.stringify(kept));
  if (Array.isArray(kept)) return kept.map((item) => copyAt(depth + 1, item));
  const copy: Record<string, unknown> = { ...kept };
  for (const key of Object.keys(copy)) {
    const item = copy[key];
    if (typeof item === "object" && item !== null) copy[key] = copyAt(depth + 1, item);
  }
  return copy;
}

function take(value: unknown, what: Naming, maxLength: number): unknown {
  const intake = new Intake();
  const copy = intake.copy(value, 0);
  if (copy !== undefined && intake.longest <= maxLength) return copy;
  const text = jsonTextOf(value, what, maxLength);
  return copy ?? fromText(text);
}

// A character may become an escape of six; no number is longer than that.
const longestCharacter = 6;
const longestNumber = 25;

// Most tasks have no headers: one object does for all of them, since nobody changes what is kept.
const nothing = Object.freeze({});

// The same goes for most metas, which name an encoder and nothing else.
let lone: Readonly<Record<string, unknown>> = nothing;
const longestLone = 64;

/** Tells whether an object with a single property is the same as the one before, and takes note of it. */
function isSame(object: Readonly<Record<string, unknown>>, key = ""): boolean {
  const item = object[key];
  if (typeof item !== "string" || item.length > longestLone) return false;
  if (lone[key] === item) return true;
  lone = object;
  return false;
}

/** Copies a value, and counts how long its JSON text is at most. */
class Intake {
  /** The most characters that the text of what was copied can have. */
  longest = 0;

  /** Gives a copy; `undefined` when a part is not what it would be after a way through text. */
  copy(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case "string":
        this.longest += value.length * longestCharacter + 2;
        return value;
      case "number":
        this.longest += longestNumber;
        return Number.isFinite(value) && !Object.is(value, -0) ? value : undefined;
      case "boolean":
        this.longest += longestNumber;
        return value;
      case "object":
        break;
      default:
        return undefined;
    }
    this.longest += longestNumber;
    if (value === null) return null;
    if (depth === deepestJson) return undefined;
    return Array.isArray(value) ? this.#copyArray(value, depth + 1) : this.#copyObject(value, depth + 1);
  }

  #copyArray(array: readonly unknown[], depth: number): unknown {
    if (!isPlainArray(array)) return undefined;
    const copy: unknown[] = [];
    for (let index = 0; index < array.length; index++) {
      const item = this.copy(array[index], depth);
      if (item === undefined) return undefined;
      copy.push(item);
    }
    this.longest += copy.length;
    return copy;
  }

  #copyObject(object: object, depth: number): unknown {
    if (!isPlainObject(object) || Object.getOwnPropertySymbols(object).length > 0) return undefined;
    // Copied before it is looked at: a getter may answer differently the next time.
    const copy: Record<string, unknown> = { ...object };
    const keys = Object.keys(copy);
    if (keys.length === 0) return nothing;
    for (const key of keys) {
      const item = this.copy(copy[key], depth);
      if (item === undefined) return undefined;
      if (typeof item === "object") copy[key] = item;
      this.longest += key.length * longestCharacter + 4;
    }
    // Counted like any other: the text of many has each of them.
    return keys.length === 1 && isSame(copy, keys[0]) ? lone : copy;
  }
}
