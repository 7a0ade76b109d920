/** Takes away what a test left in a Redis that other tests use at the same time. */

import { Redis } from "ioredis";
import { prefixOf } from "../../src/adapters/redis/keys.ts";

/** A client that can do what is needed here: of one server, or of one node of a cluster. */
export type KeyClient = Pick<Redis, "scan" | "unlink">;

/** Removes every key of the namespaces; answers how many there were. */
export async function removeNamespaces(client: KeyClient, namespaces: Iterable<string>): Promise<number> {
  const prefixes = new Set([...namespaces].map(prefixOf));
  let removed = 0;
  for (let cursor = "0";;) {
    const [next, keys] = await client.scan(cursor, "MATCH", "stem:{*", "COUNT", 1_000);
    const mine = keys.filter((key) => prefixes.has(key.slice(0, key.indexOf("}:") + 2)));
    if (mine.length > 0) removed += await client.unlink(...mine);
    if (next === "0") return removed;
    cursor = next;
  }
}

/** The same, on a connection of its own. */
export async function removeNamespacesAt(url: string, namespaces: Iterable<string>): Promise<void> {
  const client = new Redis(url);
  try {
    await removeNamespaces(client, namespaces);
  } finally {
    client.disconnect();
  }
}
