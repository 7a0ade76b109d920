/** Who takes part: Stem, the bare driver of a store, and the peers, which `npm ci --prefix bench/peers` installs. */

import { join, resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import type { Faces, StoreName } from "./systems.ts";

/** Somebody who takes part. */
export interface Side {
  /** Where. */
  readonly stores: readonly StoreName[];
  /** Where it needs Node 24: all whom it is compared with then run on that too. */
  readonly needsNode24?: readonly StoreName[];
  /** Loads its code, in the process that runs it. */
  readonly load: (store: StoreName) => Promise<Faces>;
}

const driver: Side = {
  stores: ["sqlite", "postgres", "redis"],
  load: async (store) => {
    switch (store) {
      case "sqlite":
        return (await import("./drivers/sqlite.ts")).faces;
      case "postgres":
        return (await import("./drivers/postgres.ts")).faces;
      case "redis":
        return (await import("./drivers/redis.ts")).faces;
      case "memory":
        return {};
    }
  },
};

/** Another checkout of this project with its build, such as the state before a change. */
const otherCheckout = process.env["STEM_BENCH_BEFORE"];

/** The peers by their names. */
export const peers: Readonly<Record<string, Side>> = {
  ...(otherCheckout === undefined ? {} : {
    before: {
      stores: ["memory", "sqlite", "postgres", "redis"],
      load: async () => {
        const path = join(resolve(otherCheckout), "bench/stem.ts");
        const loaded: unknown = await import(pathToFileURL(path).href);
        if (!hasFaces(loaded)) throw new Error(`Cannot compare with ${path}: expected it to export "faces"`);
        return loaded.faces;
      },
    },
  }),
  bullmq: { stores: ["redis"], load: async () => (await import("./peers/bullmq.ts")).faces },
  "graphile-worker": {
    stores: ["postgres"],
    needsNode24: ["postgres"],
    load: async () => (await import("./peers/graphile-worker.ts")).batched,
  },
  "graphile-worker, plain": {
    stores: ["postgres"],
    needsNode24: ["postgres"],
    load: async () => (await import("./peers/graphile-worker.ts")).plain,
  },
  "pg-boss": { stores: ["postgres"], needsNode24: ["postgres"], load: async () => (await import("./peers/pg-boss.ts")).faces },
  redlock: { stores: ["redis"], load: async () => (await import("./peers/redlock.ts")).faces },
  keyv: {
    stores: ["sqlite", "postgres", "redis"],
    load: async (store) => {
      const { onPostgres, onRedis, onSqlite } = await import("./peers/keyv.ts");
      return await (store === "postgres" ? onPostgres() : store === "redis" ? onRedis() : onSqlite());
    },
  },
  "keyv, WAL": {
    stores: ["sqlite"],
    load: async () => await (await import("./peers/keyv.ts")).onSqlite("pragma journal_mode = wal", "pragma synchronous = normal"),
  },
  unstorage: {
    stores: ["sqlite", "postgres", "redis"],
    // better-sqlite3 does.
    needsNode24: ["sqlite"],
    load: async (store) => {
      const { onPostgres, onRedis, onSqlite } = await import("./peers/unstorage.ts");
      return store === "postgres" ? onPostgres : store === "redis" ? onRedis : onSqlite;
    },
  },
  plainjob: { stores: ["sqlite"], needsNode24: ["sqlite"], load: async () => (await import("./peers/plainjob.ts")).faces },
};

/** Everybody by their names. */
export const sides: Readonly<Record<string, Side>> = {
  Stem: { stores: ["memory", "sqlite", "postgres", "redis"], load: async () => (await import("./stem.ts")).faces },
  driver,
  ...peers,
};

/** The peers on a store: those whose names hold `only`. */
export function peersOn(store: StoreName, only = ""): readonly string[] {
  return Object.entries(peers).flatMap(([name, { stores }]) => stores.includes(store) && name.includes(only) ? [name] : []);
}

function hasFaces(loaded: unknown): loaded is { readonly faces: Faces } {
  return typeof loaded === "object" && loaded !== null && "faces" in loaded;
}
