/** A Redis database and a namespace of its own, for tests of what stores are built on. */

import { Redis } from "ioredis";
import type { RedisDatabase } from "../../src/adapters/redis/database.ts";
import { prefixOf } from "../../src/adapters/redis/keys.ts";
import type { RedisUse } from "../../src/adapters/redis/open.ts";
import { openRedis } from "../../src/adapters/redis/open.ts";
import { startCutProxy } from "../support/cut-proxy.ts";
import { redisUrl } from "../support/servers.ts";

/** What a test is lent. */
export interface FreshRedis {
  /** Connections of its own. */
  readonly database: RedisDatabase;
  /** As stores take it: letting go of it changes nothing. */
  readonly hold: { readonly database: RedisDatabase; readonly release: () => Promise<void> };
  /** A namespace that nobody else uses. */
  readonly namespace: string;
  /** A client of the same server, to look at the keys with. */
  readonly client: Redis;
  /** What a key of the namespace is called in the server. */
  readonly keyOf: (name: string) => string;
  /** The keys of the namespace without what all of them begin with, in order. */
  readonly keys: () => Promise<readonly string[]>;
  /** The names of the trips since the last time that this was asked. */
  readonly trips: () => readonly string[];
}

/** Lends a database on the server for tests, or on that of `url`; the keys of the namespace are removed afterwards. */
export async function withRedis(
  work: (fresh: FreshRedis) => Promise<void>,
  { url = redisUrl(), namespace = `test ${crypto.randomUUID()}`, ...use }: RedisUse & {
    readonly url?: string;
    readonly namespace?: string;
  } = {},
): Promise<void> {
  const told: string[] = [];
  const client = new Redis(url);
  const database = await openRedis(url, { ...use, onTrip: ({ name }) => told.push(name) });
  const prefix = prefixOf(namespace);
  const keys = async (): Promise<readonly string[]> => {
    const found = new Set<string>();
    for (let cursor = "0";;) {
      const [next, page] = await client.scan(cursor, "COUNT", 10_000);
      for (const key of page) if (key.startsWith(prefix)) found.add(key.slice(prefix.length));
      if (next === "0") return [...found].toSorted();
      cursor = next;
    }
  };
  try {
    await work({
      database,
      hold: { database, release: () => Promise.resolve() },
      namespace,
      client,
      keyOf: (name) => prefix + name,
      keys,
      trips: () => told.splice(0),
    });
  } finally {
    await database.close();
    const left = await keys();
    if (left.length > 0) await client.unlink(left.map((key) => prefix + key));
    client.disconnect();
  }
}

/** Lends a way to the server for tests that can be cut: its URL, and what loses the next answer. */
export async function withCutRedis(work: (url: string, cutAtAnswer: () => void) => Promise<void>): Promise<void> {
  const target = new URL(redisUrl());
  await using proxy = await startCutProxy({ host: target.hostname, port: Number(target.port || 6379) });
  target.host = `127.0.0.1:${proxy.port}`;
  await work(target.href, () => proxy.cutAtAnswer());
}
