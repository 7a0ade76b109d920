/** The sound adapters that broken ones are made of. */

import type { Adapter } from "../../src/contracts/adapter.ts";
import type { HarnessConnectOptions } from "../../src/conformance.ts";
import { memory, MemoryDatabase } from "../../src/memory.ts";
import { redis } from "../../src/redis.ts";
import { removeNamespacesAt } from "../support/redis-keys.ts";
import { needsRedis, redisUrl } from "../support/servers.ts";

/** A database of one harness. */
export interface Foundation {
  /** Opens one more connection to it; `isApart` gives the connection a database of its own. */
  connect(options: HarnessConnectOptions, isApart: boolean): Promise<Adapter>;
  /** Takes away what the connections wrote. */
  clear(): Promise<void>;
}

/** A technology to build on. */
export interface FoundationKind {
  /** Its name. */
  readonly name: string;
  /** Test options for what is built on it. */
  readonly needs: { readonly skip?: string };
  /** Lays a fresh one. */
  readonly lay: () => Foundation;
}

/** In memory. */
export const memoryFoundation: FoundationKind = {
  name: "memory",
  needs: {},
  lay: () => {
    const database = new MemoryDatabase();
    return {
      connect: (options, isApart) => Promise.resolve(memory({ ...options, database: isApart ? new MemoryDatabase() : database })),
      clear: () => Promise.resolve(),
    };
  },
};

/** On Redis. */
export const redisFoundation: FoundationKind = {
  name: "redis",
  needs: needsRedis,
  lay: () => {
    const namespaces = new Set<string>();
    return {
      connect: (options, isApart) => {
        const namespace = isApart ? `${options.namespace}-${crypto.randomUUID().slice(0, 8)}` : options.namespace;
        namespaces.add(namespace);
        return redis(redisUrl(), { ...options, namespace });
      },
      clear: () => removeNamespacesAt(redisUrl(), namespaces),
    };
  },
};

/** All of them. */
export const foundations: readonly FoundationKind[] = [memoryFoundation, redisFoundation];
