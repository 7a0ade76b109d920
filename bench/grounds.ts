/** Where runs happen: for each store a private server or folder of this run, and in it a fresh place for each. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Redis } from "ioredis";
import postgres from "postgres";
import { startPostgres } from "../test/support/postgres-server.ts";
import { startRedis } from "../test/support/redis-server.ts";
import type { Place, StoreName } from "./systems.ts";

/** A store that is ready. */
export interface Ground {
  /** What it is and how durable, in words. */
  readonly settings: string;
  /** A place where nothing is, on a server that has finished what it owed for the run before. */
  fresh(): Promise<Place>;
  /** Takes it away. */
  stop(): Promise<void>;
}

/** Makes a store ready. */
export const grounds: Readonly<Record<StoreName, () => Promise<Ground>>> = {
  memory: async () => ({
    settings: "in the process, nothing on disk",
    fresh: async () => ({ store: "memory", url: "", space: nextSpace() }),
    stop: async () => {},
  }),
  sqlite: openFolder,
  postgres: openPostgres,
  redis: openRedis,
};

let spaces = 0;

function nextSpace(): string {
  return `bench_${++spaces}`;
}

async function openFolder(): Promise<Ground> {
  const folder = await mkdtemp(join(tmpdir(), "stem-bench-"));
  let latest: string | undefined;
  const clear = async (): Promise<void> => {
    if (latest !== undefined) await rm(latest, { recursive: true, force: true });
  };
  return {
    settings: "SQLite: WAL, synchronous NORMAL",
    fresh: async () => {
      await clear();
      const space = nextSpace();
      latest = await mkdtemp(join(folder, `${space}-`));
      return { store: "sqlite", url: join(latest, "bench.db"), space };
    },
    stop: () => rm(folder, { recursive: true, force: true }),
  };
}

/** `STEM_BENCH_POSTGRES_URL` names another server than a private one: a database of its own is made there, and dropped at the end. */
async function openPostgres(): Promise<Ground> {
  const given = process.env["STEM_BENCH_POSTGRES_URL"];
  const server = given === undefined ? await startPostgres({ fsync: true }) : undefined;
  const admin = postgres(given ?? server?.url ?? "", { max: 1, onnotice: () => {} });
  const database = `stem_bench_${process.pid}`;
  await admin`create database ${admin(database)}`;
  const url = Object.assign(new URL(given ?? server?.url ?? ""), { pathname: `/${database}` }).href;
  const owner = postgres(url, { max: 1, onnotice: () => {} });
  const [row] = await admin`select version(), current_setting('fsync') as fsync, current_setting('synchronous_commit') as commits`;
  return {
    settings: `${/^PostgreSQL [\d.]+/.exec(String(row?.["version"]))?.[0]}: fsync ${row?.["fsync"]}, synchronous_commit ${
      row?.["commits"]
    }`,
    fresh: async () => {
      await untilAlone(owner, database);
      const schemas = await owner`select nspname as name from pg_namespace where nspname !~ '^(pg_|information_schema)'`;
      await owner`drop schema ${owner(schemas.map(({ name }) => String(name)))} cascade`;
      await owner`create schema public`;
      await admin`checkpoint`;
      return { store: "postgres", url, space: nextSpace() };
    },
    stop: async () => {
      await owner.end();
      await admin`drop database ${admin(database)} with (force)`;
      await admin.end();
      await server?.stop();
    },
  };
}

/** Those who left may still be on their way out; whoever stays is shown the door. */
async function untilAlone(owner: postgres.Sql, database: string): Promise<void> {
  const deadline = performance.now() + 2_000;
  for (;;) {
    const others = await owner`select pid from pg_stat_activity where datname = ${database} and pid <> pg_backend_pid()`;
    if (others.length === 0) return;
    if (performance.now() > deadline) {
      await owner`select pg_terminate_backend(pid) from unnest(${others.map(({ pid }) => Number(pid))}::int[]) as pid`;
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function openRedis(): Promise<Ground> {
  // Rewriting the file while others are measured would fall on whoever comes next.
  const server = await startRedis({ settings: { appendonly: "yes", appendfsync: "everysec", "auto-aof-rewrite-percentage": "0" } });
  const admin = new Redis(server.url);
  const [, version] = /redis_version:(\S+)/.exec(await admin.info("server")) ?? [];
  return {
    settings: `Redis ${version}: appendonly yes, appendfsync everysec`,
    fresh: async () => {
      await admin.flushall();
      await admin.bgrewriteaof();
      while (/aof_rewrite_(in_progress|scheduled):1/.test(await admin.info("persistence"))) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return { store: "redis", url: server.url, space: nextSpace() };
    },
    stop: async () => {
      await admin.quit();
      await server.stop();
    },
  };
}
