import { MAX_ID_LENGTH } from "../model/id.ts";

/**
 * Names what is limited, as text of any length: no two give the same, since it tells how long its parts are.
 *
 * @param kind What the names belong to.
 */
export function limitKey(kind: "queue" | "task" | "key", ...names: readonly string[]): string {
  return [kind, ...names.slice(0, -1).map((name) => `${name.length}:${name}`), ...names.slice(-1)].join(" ");
}

/** Gives the key under which every store takes such a text: itself, or its hash when it is too long. Workers of all versions count together, so it never changes. */
export async function storableKey(text: string): Promise<string> {
  if (text.length <= MAX_ID_LENGTH) return text;
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return `hashed ${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
