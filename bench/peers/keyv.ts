/** keyv as a store of results: a value by its key, kept for a day. */

import type { Payload } from "../measure.ts";
import type { Faces, ResultSystem } from "../systems.ts";
import { load } from "./load.ts";

/** The parts of keyv that are used here. */
interface Keyv {
  set(key: string, value: Payload, ttlMs: number): Promise<boolean>;
  get(key: string): Promise<unknown>;
  getMany(keys: readonly string[]): Promise<readonly unknown[]>;
  on(event: "error", listener: () => void): unknown;
  disconnect(): Promise<void>;
}

interface Store {
  query(statement: string): Promise<unknown>;
  close(): Promise<void>;
}

type Constructor<Made> = { readonly default: new (options: string | object) => Made };

const { default: Keyv } = await load<{ readonly default: new (store: object) => Keyv }>("keyv", "default");

/** On Redis. */
export async function onRedis(): Promise<Faces> {
  const { default: KeyvRedis } = await load<Constructor<object>>("@keyv/redis", "default");
  return { results: async ({ url }) => toResults(new Keyv(new KeyvRedis(url))) };
}

/** On Postgres. */
export async function onPostgres(): Promise<Faces> {
  const { default: KeyvPostgres } = await load<Constructor<object>>("@keyv/postgres", "default");
  return { results: async ({ url }) => toResults(new Keyv(new KeyvPostgres({ uri: url, max: 10 }))) };
}

/** On SQLite as it comes, when each commit is flushed to the disk, or after these statements. */
export async function onSqlite(...pragmas: readonly string[]): Promise<Faces> {
  const { default: KeyvSqlite } = await load<Constructor<Store>>("@keyv/sqlite", "default");
  return {
    results: async ({ url }) => {
      const store = new KeyvSqlite(`sqlite://${url}`);
      for (const pragma of pragmas) await store.query(pragma);
      return { ...toResults(new Keyv(store)), close: () => store.close() };
    },
  };
}

function toResults(keyv: Keyv): ResultSystem {
  keyv.on("error", () => {});
  return {
    set: (key, value) => keyv.set(key, value, 86_400_000),
    get: (key) => keyv.get(key),
    getMany: (keys) => keyv.getMany(keys),
    close: () => keyv.disconnect(),
  };
}
