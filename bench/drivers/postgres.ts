/** What postgres.js alone can do: the floor of everything on Postgres. One table each, prepared statements, no more than the work needs. */

import postgres from "postgres";
import type { Payload } from "../measure.ts";
import type { Faces, LockSystem, Place, QueueSystem, ResultSystem } from "../systems.ts";
import { root } from "../../test/support/runtimes.ts";
import { floorWorker } from "./worker.ts";

/** What the driver can do. */
export const faces: Faces = { queue, results, locks, imports: () => ({ folder: root, names: ["postgres"] }) };

const connect = ({ url }: Place): postgres.Sql => postgres(url, { max: 10, onnotice: () => {} });

interface Claimed {
  readonly id: string;
  readonly body: string;
}

async function queue(place: Place): Promise<QueueSystem> {
  const sql = connect(place);
  await sql`create table floor (id bigserial primary key, body text not null, result text, leased_until bigint)`;
  await sql`create index on floor (id) where leased_until is null`;
  let isListened = false;
  return {
    enqueue: (payload) =>
      isListened
        ? sql`with added as (insert into floor (body) values (${JSON.stringify(payload)})) select pg_notify('floor', '')`
        : sql`insert into floor (body) values (${JSON.stringify(payload)})`,
    enqueueMany: (payloads) => {
      const bodies = payloads.map((payload) => JSON.stringify(payload));
      return isListened
        ? sql`with added as (insert into floor (body) select * from unnest(${bodies}::text[])) select pg_notify('floor', '')`
        : sql`insert into floor (body) select * from unnest(${bodies}::text[])`;
    },
    work: async (concurrency, run) => {
      let wake: () => void = () => {};
      const { unlisten } = await sql.listen("floor", () => wake());
      isListened = true;
      const claim = async (): Promise<readonly Claimed[]> => {
        for (;;) {
          const isWoken = new Promise<void>((resolve) => {
            wake = resolve;
          });
          const claimed = await sql<Claimed[]>`update floor set leased_until = ${Date.now() + 30_000} where id = any(array(
              select id from floor where leased_until is null order by id limit ${concurrency} for update skip locked)) returning id, body`;
          if (claimed.length > 0) return claimed;
          await isWoken;
        }
      };
      return floorWorker({
        claim,
        run: ({ body }) => run(JSON.parse(body) as Payload),
        finish: async (tasks, values) => {
          const [ids, texts] = [tasks.map(({ id }) => id), values.map((value) => JSON.stringify(value ?? null))];
          await sql`update floor t set result = r.result, leased_until = 0
            from unnest(${ids}::bigint[], ${texts}::text[]) as r (id, result) where t.id = r.id`;
        },
        close: unlisten,
      });
    },
    unfinished: async () => countIn(await sql`select count(*)::int as count from floor where result is null`),
    results: async () => countIn(await sql`select count(*)::int as count from floor where result is not null`),
    close: () => sql.end({ timeout: 5 }),
  };
}

async function results(place: Place): Promise<ResultSystem> {
  const sql = connect(place);
  await sql`create table floor (key text primary key, body text not null, expires_at bigint not null)`;
  const parse = (rows: readonly postgres.Row[]) => rows.map((row): unknown => JSON.parse(String(row["body"])));
  return {
    set: (key, value) =>
      sql`insert into floor values (${key}, ${JSON.stringify(value)}, ${Date.now() + 86_400_000})
        on conflict (key) do update set body = excluded.body, expires_at = excluded.expires_at`,
    get: async (key) => parse(await sql`select body from floor where key = ${key} and expires_at > ${Date.now()}`)[0],
    getMany: async (keys) =>
      parse(
        await sql`select body from unnest(${[...keys]}::text[]) with ordinality as k (key, at) join floor using (key)
          where expires_at > ${Date.now()} order by at`,
      ),
    close: () => sql.end({ timeout: 5 }),
  };
}

async function locks(place: Place): Promise<LockSystem> {
  const sql = connect(place);
  await sql`create table floor (key text primary key, owner text not null, expires_at bigint not null)`;
  let owners = 0;
  return {
    acquire: async (key) => {
      const [owner, now] = [String(++owners), Date.now()];
      const held = await sql`insert into floor values (${key}, ${owner}, ${now + 60_000})
        on conflict (key) do update set owner = excluded.owner, expires_at = excluded.expires_at where floor.expires_at < ${now} returning key`;
      return async () =>
        held.length === 1 && (await sql`delete from floor where key = ${key} and owner = ${owner} returning key`).length === 1;
    },
    close: () => sql.end({ timeout: 5 }),
  };
}

function countIn(rows: readonly postgres.Row[]): number {
  return Number(rows[0]?.["count"]);
}
