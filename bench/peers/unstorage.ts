/** unstorage as a store of results: a value by its key; kept for a day on Redis, and for ever elsewhere, where it knows no end. */

import type { Payload } from "../measure.ts";
import type { Faces, ResultSystem } from "../systems.ts";
import { load } from "./load.ts";

/** The parts of unstorage that are used here. */
interface Unstorage {
  createStorage(options: { readonly driver: object }): Storage;
}

interface Storage {
  setItem(key: string, value: Payload): Promise<void>;
  getItem(key: string): Promise<unknown>;
  getItems(keys: readonly string[]): Promise<readonly { readonly value: unknown }[]>;
  dispose(): Promise<void>;
}

interface Database {
  exec(statement: string): Promise<unknown>;
  dispose(): Promise<void>;
}

type Maker<Made, Options = object> = { readonly default: (options: Options) => Made };

const { createStorage } = await load<Unstorage>("unstorage", "createStorage");

/** On Redis. */
export const onRedis: Faces = {
  results: async ({ url }) => toResults((await load<Maker<object>>("unstorage/drivers/redis", "default")).default({ url, ttl: 86_400 })),
};

/** On Postgres. */
export const onPostgres: Faces = { results: async ({ url }) => overDatabase(await connect("postgresql", { url })) };

/** On SQLite with the settings of the others: WAL, synchronous NORMAL. */
export const onSqlite: Faces = {
  results: async ({ url }) => {
    const database = await connect("better-sqlite3", { path: url });
    await database.exec("pragma journal_mode = wal");
    await database.exec("pragma synchronous = normal");
    return await overDatabase(database);
  },
};

async function connect(connector: string, options: object): Promise<Database> {
  const { default: connectorOf } = await load<Maker<object>>(`db0/connectors/${connector}`, "default");
  const { createDatabase } = await load<{ createDatabase(connector: object): Database }>("db0", "createDatabase");
  return createDatabase(connectorOf(options));
}

async function overDatabase(database: Database): Promise<ResultSystem> {
  const { default: driver } = await load<Maker<object>>("unstorage/drivers/db0", "default");
  const results = toResults(driver({ database }));
  // It makes its table with the first call.
  await results.get("none");
  return { ...results, close: () => database.dispose() };
}

function toResults(driver: object): ResultSystem {
  const storage = createStorage({ driver });
  return {
    set: (key, value) => storage.setItem(key, value),
    get: (key) => storage.getItem(key),
    getMany: async (keys) => (await storage.getItems(keys)).map(({ value }) => value),
    close: () => storage.dispose(),
  };
}
