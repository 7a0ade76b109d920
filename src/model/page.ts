import { ConfigError } from "../errors.ts";
import { show } from "./id.ts";
import { validateInteger } from "./numbers.ts";

/** The largest page that a store returns. */
export const MAX_PAGE_LIMIT = 1_000;

/** The page size when none is asked for. */
export const DEFAULT_PAGE_LIMIT = 100;

/** Which part of a listing to return. */
export interface PageRequest {
  /** How many items at most, 1 to 1,000. @default 100 */
  readonly limit?: number;
  /** Where to go on: the `cursor` of the page before. Absent starts at the beginning. */
  readonly cursor?: string;
}

/** One page of a listing. */
export interface Page<T> {
  /** The items, in the listing's order. */
  readonly items: readonly T[];
  /** Pass it to get the next page; absent when this is the last one. */
  readonly cursor?: string;
}

/**
 * Returns the page size to use.
 *
 * @throws {ConfigError} when the limit is not a whole number from 1 to 1,000.
 */
export function pageLimit(page: PageRequest | undefined): number {
  return validateInteger(page?.limit ?? DEFAULT_PAGE_LIMIT, "the page limit", { min: 1, max: MAX_PAGE_LIMIT });
}

/** Makes an opaque cursor out of the position of the last item on a page. */
export function encodeCursor(position: readonly (string | number)[]): string {
  return JSON.stringify(position);
}

/**
 * Reads a cursor back: strings and numbers in the order of `shape`.
 *
 * @throws {ConfigError} when it is not a cursor of this listing.
 */
export function decodeCursor(cursor: string, shape: readonly ("string" | "number")[]): readonly (string | number)[] {
  const position = parse(cursor);
  if (isPosition(position, shape)) return position;
  throw new ConfigError(`Cannot use ${show(cursor)} as a cursor: expected the cursor of a page of the same listing`);
}

function isPosition(value: unknown, shape: readonly ("string" | "number")[]): value is readonly (string | number)[] {
  return Array.isArray(value) && value.length === shape.length && shape.every((kind, at) => typeof value[at] === kind);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON at all is the same mistake as JSON of another shape; the caller names it.
    return undefined;
  }
}
