/** Holds a lock, and writes under it when it is told to, however late: once looking at the lock in the transaction, once comparing tokens. */

import { createClient } from "@libsql/client";
import { and, eq, lt } from "drizzle-orm";
import { drizzle as drizzleLibsql } from "drizzle-orm/libsql";
import { drizzle as drizzlePostgres } from "drizzle-orm/postgres-js";
import { bigint, pgSchema, text as pgText } from "drizzle-orm/pg-core";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { Redis } from "ioredis";
import postgresJs from "postgres";
import { type Lock, StemError, StemStack, withLock } from "../../../src/mod.ts";
import { optionsOf, say, told } from "./talk.ts";

const { url, place, id, ttl, wait } = optionsOf({ id: "guard", ttl: 1_000, wait: 0 });

const stack = await StemStack.fromUrl(url, place);
const database = await (url.startsWith("postgres") ? onPostgres() : url.startsWith("redis") ? onRedis() : onSqlite());
say({ type: "ready" });

/** A table of the user's own with one row, or a key. */
interface GuardedTable {
  /** Writes when the lock is current: in one transaction where the store takes part in such. */
  readonly writeGuarded: (lock: Lock) => Promise<boolean>;
  /** Writes when no later holder has written. */
  readonly writeComparing: (lock: Lock) => Promise<boolean>;
  readonly close: () => Promise<void> | void;
}

const words = told();
try {
  await withLock(stack.locks, "guarded", { owner: id, ttl, wait }, async (lock) => {
    say({ type: "holds", token: lock.token });
    await words.next();
    const isAborted = lock.signal.aborted;
    const [guarded, compared] = [await database.writeGuarded(lock), await database.writeComparing(lock)];
    say({ type: "wrote", guarded, compared, isAborted, isRenewed: await lock.renew() });
  });
  say({ type: "left", by: "the end" });
} catch (error) {
  say({ type: "left", by: StemError.is(error) ? error.code : String(error) });
}
await database.close();
await stack.close();
say({ type: "ended" });

async function onPostgres(): Promise<GuardedTable> {
  const client = postgresJs(url, { max: 2, onnotice: () => {} });
  const table = pgSchema(place.schema).table("guarded", {
    id: pgText("id").primaryKey(),
    by: pgText("by"),
    token: bigint("token", { mode: "number" }),
  });
  await client`create table if not exists ${client(place.schema)}.guarded (id text primary key, by text, token bigint)`;
  const db = drizzlePostgres({ client });
  await db.insert(table).values({ id: "row", by: "nobody", token: 0 }).onConflictDoNothing();
  return {
    writeGuarded: (lock) =>
      db.transaction(async (tx) => {
        if (!await stack.locks.isCurrent(lock, { tx })) return false;
        await tx.update(table).set({ by: id, token: lock.token }).where(eq(table.id, "row"));
        return true;
      }),
    writeComparing: async ({ token }) =>
      (await db.update(table).set({ by: id, token }).where(and(eq(table.id, "row"), lt(table.token, token + 1))).returning()).length > 0,
    close: () => client.end(),
  };
}

async function onSqlite(): Promise<GuardedTable> {
  const client = createClient({ url: `file:${url.slice("sqlite:".length)}`, timeout: 10_000 });
  const table = sqliteTable("guarded", { id: text("id").primaryKey(), by: text("by"), token: integer("token") });
  await client.execute("create table if not exists guarded (id text primary key, by text, token integer)");
  const db = drizzleLibsql({ client });
  await db.insert(table).values({ id: "row", by: "nobody", token: 0 }).onConflictDoNothing();
  return {
    writeGuarded: (lock) =>
      db.transaction(async (tx) => {
        if (!await stack.locks.isCurrent(lock, { tx })) return false;
        await tx.update(table).set({ by: id, token: lock.token }).where(eq(table.id, "row"));
        return true;
      }),
    writeComparing: async ({ token }) =>
      (await db.update(table).set({ by: id, token }).where(and(eq(table.id, "row"), lt(table.token, token + 1))).returning()).length > 0,
    close: () => client.close(),
  };
}

async function onRedis(): Promise<GuardedTable> {
  const client = new Redis(url);
  // Beside the test's own, and gone with it.
  const key = `stem:{${place.namespace}}:guarded`;
  const isLater = "local last = redis.call('HGET', KEYS[1], 'token')\n" +
    "if last and tonumber(last) > tonumber(ARGV[1]) then return 0 end\n" +
    "redis.call('HSET', KEYS[1], 'by', ARGV[2], 'token', ARGV[1])\n" +
    "return 1";
  return {
    writeGuarded: async (lock) => {
      if (!await stack.locks.isCurrent(lock)) return false;
      await client.hset(key, { by: id, token: lock.token });
      return true;
    },
    writeComparing: async ({ token }) => await client.eval(isLater, 1, key, token, id) === 1,
    close: () => client.disconnect(),
  };
}
