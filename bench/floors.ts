/** What the drivers alone can do on this machine, in this run: the floor that every figure is compared with. */

import type { Client } from "@libsql/client";
import { createClient } from "@libsql/client";
import postgres from "postgres";
import type { Figure } from "./measure.ts";
import { inFlight, measure, payload, perSecond } from "./measure.ts";
import type { Scale } from "./scenarios.ts";

/** Measures postgres.js: prepared inserts, and the claim, result and acknowledgement of 100 at a time. */
export async function postgresFloor(url: string, scale: Scale): Promise<readonly Figure[]> {
  const sql = postgres(url, { max: 10, onnotice: () => {} });
  const table = sql("stem_bench_floor");
  try {
    const fresh = async (): Promise<void> => {
      await sql`drop table if exists ${table}`;
      await sql`create table ${table} (id bigserial primary key, body text not null, result text, leased_until bigint)`;
    };
    const insert = (index: number) => sql`insert into stem_bench_floor (body) values (${JSON.stringify(payload(index))})`;
    const insertMany = (from: number, count: number) => {
      const rows = Array.from({ length: count }, (_, at) => ({ body: JSON.stringify(payload(from + at)) }));
      return sql`insert into stem_bench_floor ${sql(rows, "body")}`;
    };
    return [
      await measure("enqueue, one by one", "per second", scale.runs, async () => {
        await fresh();
        return await perSecond(scale.single, () => inFlight(scale.single, 1, insert));
      }),
      await measure("enqueue, 100 in flight", "per second", scale.runs, async () => {
        await fresh();
        return await perSecond(scale.many, () => inFlight(scale.many, 100, insert));
      }),
      await measure("enqueue, bulk of 1,000", "per second", scale.runs, async () => {
        await fresh();
        return await perSecond(scale.many, async () => {
          for (let from = 0; from < scale.many; from += 1_000) await insertMany(from, 1_000);
        });
      }),
      await measure("process, concurrency 100", "per second", scale.runs, async () => {
        await fresh();
        for (let from = 0; from < scale.many; from += 1_000) await insertMany(from, 1_000);
        return await perSecond(scale.many, async () => {
          for (let done = 0; done < scale.many; done += 100) {
            const claimed = await sql<{ id: string; body: string }[]>`update stem_bench_floor set leased_until = ${Date.now() + 30_000}
              where id = any(array(select id from stem_bench_floor where leased_until is null order by id limit 100 for update skip locked))
              returning id, body`;
            const ids = claimed.map(({ id }) => id);
            const results = claimed.map(({ body }) => body);
            await sql`update stem_bench_floor t set result = r.result, leased_until = 0
              from unnest(${ids}::bigint[], ${results}::text[]) as r (id, result) where t.id = r.id`;
          }
        });
      }),
    ];
  } finally {
    await sql`drop table if exists ${table}`;
    await sql.end();
  }
}

/** Measures @libsql/client on a file: the same steps, by one connection, in WAL mode with synchronous NORMAL. */
export async function sqliteFloor(path: string, scale: Scale): Promise<readonly Figure[]> {
  const client = createClient({ url: `file:${path}`, concurrency: 1 });
  try {
    await client.execute("pragma journal_mode = wal");
    await client.execute("pragma synchronous = normal");
    const fresh = async (): Promise<void> => {
      await client.execute("drop table if exists floor");
      await client.execute(
        "create table floor (id integer primary key autoincrement, body text not null, result text, leased_until integer)",
      );
    };
    const insert = (index: number) =>
      client.execute({ sql: "insert into floor (body) values (?)", args: [JSON.stringify(payload(index))] });
    return [
      await measure("enqueue, one by one", "per second", scale.runs, async () => {
        await fresh();
        return await perSecond(scale.single, () => inFlight(scale.single, 1, insert));
      }),
      await measure("enqueue, 100 in flight", "per second", scale.runs, async () => {
        await fresh();
        return await perSecond(scale.many, () => inFlight(scale.many, 100, insert));
      }),
      await measure("enqueue, bulk of 1,000", "per second", scale.runs, async () => {
        await fresh();
        return await perSecond(scale.many, () => insertMany(client, scale.many));
      }),
      await measure("process, concurrency 100", "per second", scale.runs, async () => {
        await fresh();
        await insertMany(client, scale.many);
        return await perSecond(scale.many, () => cycle(client, scale.many));
      }),
    ];
  } finally {
    client.close();
  }
}

async function insertMany(client: Client, count: number): Promise<void> {
  const values = Array.from({ length: 1_000 }, () => "(?)").join(", ");
  for (let from = 0; from < count; from += 1_000) {
    const args = Array.from({ length: 1_000 }, (_, at) => JSON.stringify(payload(from + at)));
    await client.execute({ sql: `insert into floor (body) values ${values}`, args });
  }
}

async function cycle(client: Client, count: number): Promise<void> {
  for (let done = 0; done < count; done += 100) {
    const { rows } = await client.execute({
      sql:
        "update floor set leased_until = ? where id in (select id from floor where leased_until is null order by id limit 100) returning id, body",
      args: [Date.now() + 30_000],
    });
    const results = JSON.stringify(rows.map((row) => ({ id: row["id"], result: row["body"] })));
    await client.execute({
      sql: `update floor set result = r.result, leased_until = 0
        from (select value ->> '$.id' as id, value ->> '$.result' as result from json_each(?)) as r where floor.id = r.id`,
      args: [results],
    });
  }
}
