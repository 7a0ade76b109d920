/**
 * The assertions of the kit, over the one assertion library that Node, Deno and Bun share. No other file of the kit imports it.
 *
 * @module
 */

import strict from "node:assert/strict";
import { AssertionError } from "node:assert";

/** A class of errors, as `instanceof` tests it. */
export type ErrorClass = abstract new (...args: never[]) => Error;

/** Fails unless both are the same in structure: own keys, prototypes and `undefined` against absent included. */
export function equal<T>(actual: T, expected: T, message?: string): void {
  strict.deepStrictEqual(actual, expected, message === undefined ? undefined : describe(message, actual, expected));
}

/** Fails unless the condition holds. */
export function ok(condition: boolean, message: string): asserts condition {
  if (!condition) fail(message);
}

/** Fails. */
export function fail(message: string): never {
  throw new AssertionError({ message });
}

/** Gives the value, and fails when there is none. */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) fail(`Expected ${what}, found nothing`);
  return value;
}

/** Gives the item at an index, and fails when the list is shorter. */
export function itemAt<T>(items: readonly T[], index: number, what = "item"): T {
  return present(items[index], `${what} ${index} of ${items.length}`);
}

/** Gives the only item, and fails when there are none or more. */
export function only<T>(items: readonly T[], what = "item"): T {
  if (items.length !== 1) fail(`Expected one ${what}, found ${items.length}`);
  return itemAt(items, 0, what);
}

/** Fails unless the call throws, or its promise rejects with, an error of the class; gives the error. */
export async function throws(call: () => unknown, expected: ErrorClass, what: string): Promise<Error> {
  let answer: unknown;
  try {
    answer = await call();
  } catch (error) {
    if (error instanceof expected) return error;
    throw new AssertionError({ message: `Expected ${expected.name} from ${what}, got ${describeError(error)}` });
  }
  fail(`Expected ${expected.name} from ${what}, but it answered ${show(answer)}`);
}

/** Shows a value inside a message, cut to a readable length. */
export function show(value: unknown): string {
  const text = typeof value === "bigint" ? `${value}n` : JSON.stringify(value) ?? String(value);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

function describe(message: string, actual: unknown, expected: unknown): string {
  return `${message}: expected ${show(expected)}, found ${show(actual)}`;
}

/** Shows anything that was thrown inside a message. */
export function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : show(error);
}

/** Tells whether both are the same in structure, as {@link equal} does. */
export function isDeepStrictEqual(actual: unknown, expected: unknown): boolean {
  try {
    strict.deepStrictEqual(actual, expected);
    return true;
  } catch {
    // The assertion's message is not needed: whoever asks tells in its own words.
    return false;
  }
}
