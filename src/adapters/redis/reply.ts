import { StoreError } from "../../errors.ts";

/** Reads a reply as a list. */
export function listOf(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : unexpected(reply, "a list");
}

/** Reads one value of a reply as text. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : unexpected(value, "text");
}

/** Reads one value of a reply as text that may be absent. */
export function optionalTextOf(value: unknown): string | undefined {
  return value === null || value === undefined ? undefined : textOf(value);
}

/** Reads one value of a reply as a number, also where it came as text. */
export function numberOf(value: unknown): number {
  const number = typeof value === "string" && value !== "" ? Number(value) : value;
  return typeof number === "number" && !Number.isNaN(number) ? number : unexpected(value, "a number");
}

/** Reads a reply as a list of texts. */
export function textsOf(reply: unknown): readonly string[] {
  return listOf(reply).map(textOf);
}

function unexpected(value: unknown, expected: string): never {
  const found = value === null ? "nothing" : typeof value;
  const message = `Cannot read a reply of redis: expected ${expected}, found ${found}`;
  throw new StoreError(message, { adapter: "redis", operation: "read", retryable: false });
}
