import type { Sql, TransactionSql } from "postgres";
import { repeatedCall } from "../repeated-call.ts";
import { textField } from "./error-chain.ts";
import { readStored } from "../stored-json.ts";
import type { AppliedMigration, MigrationHost, MigrationSession } from "./migration.ts";
import { LIBRARY_VERSION } from "./migration.ts";
import { postgresMigrations } from "./migrations.gen.ts";

// The namespace of our advisory locks: "stem" in ASCII. The second number tells schemas apart.
const LOCK_CLASS = 0x7374656d;

const LEDGER = "stem_migrations";
const DEADLOCK = "40P01";
const REPEAT_FOR_MS = 60_000;

/** Migrates the tables of one schema. The generated SQL names no schema: it runs under a search path of its own. */
export function postgresMigrationHost(sql: Sql, schema: string, what: string): MigrationHost {
  const ledger = `${quoted(schema)}.${quoted(LEDGER)}`;
  return {
    what: `schema "${schema}" of ${what}`,
    migrations: postgresMigrations,
    readLedger: () => readLedger(sql, ledger),
    exclusively: <T>(work: (session: MigrationSession) => Promise<T>): Promise<T> =>
      untilUndisturbed(() =>
        // postgres.js unwraps what the function answers; it answers no promises inside.
        sql.begin(async (tx) => {
          await tx`select pg_advisory_xact_lock(${LOCK_CLASS}::int, hashtext(${schema}))`;
          // Asked first, because a user without the right to create schemas may use one that is there.
          const [there] = await tx`select 1 from pg_namespace where nspname = ${schema}`;
          if (there === undefined) await tx.unsafe(`create schema ${quoted(schema)}`);
          await tx.unsafe(`set local search_path to ${quoted(schema)}`);
          return await work(sessionOn(tx, { schema, ledger }));
        }) as Promise<T>
      ),
  };
}

/** Others who use the tables may wait for this transaction and be waited for: the server then undoes one of the two. */
function untilUndisturbed<T>(transaction: () => Promise<T>): Promise<T> {
  return repeatedCall(transaction, { forMs: REPEAT_FOR_MS, isWorthIt: (error) => textField(error, "code") === DEADLOCK });
}

function sessionOn(tx: TransactionSql, { schema, ledger }: { readonly schema: string; readonly ledger: string }): MigrationSession {
  return {
    readLedger: () => readLedger(tx, ledger),
    holdTables: async () => {
      // All of them before the first is changed, and first the one that all others begin with: whoever waits for it holds nothing that is needed here.
      const tables = await tx<{ name: string }[]>`select relname as name from pg_class
        where relnamespace = (select oid from pg_namespace where nspname = ${schema}) and relkind = 'r' and relname <> ${LEDGER}
        order by relname <> 'tasks', relname`;
      if (tables.length === 0) return;
      await tx.unsafe(`lock table ${tables.map(({ name }) => quoted(name)).join(", ")} in access exclusive mode`);
    },
    run: async (statement) => {
      await tx.unsafe(statement);
    },
    createLedger: async () => {
      // The first three columns are those of drizzle-kit, whose `migrate` can go on from here, and the other way round.
      await tx.unsafe(`create table if not exists ${ledger} (id serial primary key, hash text not null, created_at bigint)`);
      await tx.unsafe(`alter table ${ledger} add column if not exists tag text, add column if not exists library_version text,
        add column if not exists breaking boolean not null default false, add column if not exists applied_at timestamptz default now()`);
    },
    record: async ({ hash, when, tag }, breaking) => {
      await tx.unsafe(
        `insert into ${ledger} (hash, created_at, tag, library_version, breaking) values ($1, $2, $3, $4, $5)`,
        [hash, when, tag, LIBRARY_VERSION, breaking],
      );
    },
  };
}

async function readLedger(sql: Sql | TransactionSql, ledger: string): Promise<readonly AppliedMigration[] | undefined> {
  const [found] = await sql`select to_regclass(${ledger}) is not null as there`;
  if (found?.["there"] !== true) return undefined;
  // Through JSON, because a ledger that drizzle-kit made lacks the last columns.
  const rows = await sql.unsafe<{ row: string }[]>(`select row_to_json(l)::text as row from ${ledger} as l order by l.created_at`);
  return rows.map(({ row }) => {
    const { hash, created_at: when, tag, breaking } = readStored<Readonly<Record<string, unknown>>>(row);
    return { hash: String(hash), when: Number(when), tag: typeof tag === "string" ? tag : undefined, breaking: breaking === true };
  });
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
