import { ConfigError } from "../errors.ts";
import { canonicalJson } from "../model/canonical-json.ts";
import type { Envelope } from "../model/envelope.ts";
import { show } from "../model/id.ts";
import { assertJson } from "../model/json-value.ts";
import type { UniqueSettings } from "../tasks/unique.ts";

/**
 * Gives the key of the lock that a unique call holds: made of the task's name, its queue, and what the call says or all arguments, as they were
 * before they were encoded. Nothing else of a call counts: not its headers, trace context, meta or time.
 *
 * @throws {ConfigError} when the key that the call or its task gives is no text.
 * @throws {PayloadError} when the arguments are no JSON, and no key was given.
 */
export async function uniqueKey({ name, queue }: Envelope, { key }: UniqueSettings, args: unknown): Promise<string> {
  const parts = key === undefined ? ["args", argsText(args)] : ["key", typeof key === "function" ? key(args) : key];
  const [, text] = parts;
  if (key !== undefined && typeof text !== "string") throw new ConfigError(`Cannot use ${show(text)} as unique.key: expected a text`);
  const bytes = new TextEncoder().encode(JSON.stringify([name, queue, ...parts]));
  // As long as every key may be, whatever the arguments are.
  return `unique:${hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)))}`;
}

function argsText(args: unknown): string | undefined {
  if (args !== undefined) assertJson(args, "args of a unique call without unique.key");
  return canonicalJson(args);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
