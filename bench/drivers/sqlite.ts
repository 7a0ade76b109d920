/** What libsql alone can do on a file: the floor of everything on SQLite. One connection, one table, prepared statements, WAL, synchronous NORMAL. */

import Database from "libsql";
import { root } from "../../test/support/runtimes.ts";
import { isPayload, type Payload } from "../measure.ts";
import type { Faces, LockSystem, Place, QueueSystem, ResultSystem } from "../systems.ts";
import { floorWorker } from "./worker.ts";

/** What the driver can do. */
export const faces: Faces = { queue, results, locks, imports: () => ({ folder: root, names: ["libsql"] }) };

function connect({ url }: Place, table: string): Database.Database {
  const database = new Database(url);
  database.exec(`pragma journal_mode = wal; pragma synchronous = normal; create table floor (${table})`);
  return database;
}

interface Claimed {
  readonly id: number;
  readonly payload: Payload;
}

async function queue(place: Place): Promise<QueueSystem> {
  const database = connect(place, "id integer primary key autoincrement, body text not null, result text, leased_until integer");
  database.exec("create index waiting on floor (id) where leased_until is null");
  const [insert, insertMany, take, end] = [
    database.prepare("insert into floor (body) values (?)"),
    database.prepare("insert into floor (body) select value from json_each(?)"),
    database.prepare(`update floor set leased_until = ? where id in
      (select id from floor where leased_until is null order by id limit ?) returning id, body`),
    database.prepare(`update floor set result = r.result, leased_until = 0
      from (select value ->> '$.id' as id, value ->> '$.result' as result from json_each(?)) as r where floor.id = r.id`),
  ];
  let wake: () => void = () => {};
  const count = async (where: string): Promise<number> =>
    numberIn(database.prepare(`select count(*) as count from floor where ${where}`).get());
  return {
    enqueue: async (payload) => {
      insert.run(JSON.stringify(payload));
      wake();
    },
    enqueueMany: async (payloads) => {
      insertMany.run(JSON.stringify(payloads.map((payload) => JSON.stringify(payload))));
      wake();
    },
    work: async (concurrency, run) =>
      floorWorker({
        claim: async () => {
          for (;;) {
            const isWoken = new Promise<void>((resolve) => {
              wake = resolve;
            });
            const rows = take.all(Date.now() + 30_000, concurrency);
            if (rows.length > 0) return rows.map(toClaimed);
            await isWoken;
          }
        },
        run: ({ payload }) => run(payload),
        finish: async (tasks, values) =>
          void end.run(JSON.stringify(tasks.map(({ id }, at) => ({ id, result: JSON.stringify(values[at] ?? null) })))),
        close: () => wake(),
      }),
    unfinished: () => count("result is null"),
    results: () => count("result is not null"),
    close: async () => void database.close(),
  };
}

async function results(place: Place): Promise<ResultSystem> {
  const database = connect(place, "key text primary key, body text not null, expires_at integer not null");
  const [set, get, getMany] = [
    database.prepare(`insert into floor values (?, ?, ?)
      on conflict (key) do update set body = excluded.body, expires_at = excluded.expires_at`),
    database.prepare("select body from floor where key = ? and expires_at > ?"),
    database.prepare("select body from json_each(?) as k join floor on floor.key = k.value where expires_at > ? order by k.key"),
  ];
  return {
    set: async (key, value) => set.run(key, JSON.stringify(value), Date.now() + 86_400_000),
    get: async (key) => valueIn(get.get(key, Date.now())),
    getMany: async (keys) => getMany.all(JSON.stringify(keys), Date.now()).map(valueIn),
    close: async () => void database.close(),
  };
}

async function locks(place: Place): Promise<LockSystem> {
  const database = connect(place, "key text primary key, owner integer not null, expires_at integer not null");
  const [take, release] = [
    database.prepare(`insert into floor values (?, ?, ?)
      on conflict (key) do update set owner = excluded.owner, expires_at = excluded.expires_at where floor.expires_at < ?`),
    database.prepare("delete from floor where key = ? and owner = ?"),
  ];
  let owners = 0;
  return {
    acquire: async (key) => {
      const [owner, now] = [++owners, Date.now()];
      const isHeld = take.run(key, owner, now + 60_000, now).changes === 1;
      return async () => isHeld && release.run(key, owner).changes === 1;
    },
    close: async () => void database.close(),
  };
}

function toClaimed(row: unknown): Claimed {
  if (typeof row !== "object" || row === null || !("id" in row)) throw new Error("Cannot count this run: a row has no id");
  const payload = valueIn(row);
  if (!isPayload(payload)) throw new Error("Cannot count this run: a row is not what was added");
  return { id: Number(row.id), payload };
}

function valueIn(row: unknown): unknown {
  return typeof row === "object" && row !== null && "body" in row ? JSON.parse(String(row.body)) as unknown : undefined;
}

function numberIn(row: unknown): number {
  return typeof row === "object" && row !== null && "count" in row ? Number(row.count) : Number.NaN;
}
