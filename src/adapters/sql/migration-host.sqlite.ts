import type { AppliedMigration, MigrationHost, MigrationSession } from "./migration.ts";
import { LIBRARY_VERSION } from "./migration.ts";
import { sqliteMigrations } from "./migrations.gen.ts";

/** What runs single statements: a client, or a transaction on it. */
interface Runner {
  execute(
    statement: string | { readonly sql: string; args: (string | number)[] },
  ): Promise<{ rows: readonly Readonly<Record<string, unknown>>[] }>;
}

/** What migrating needs: the safe client has it, and so has one of @libsql/client. */
export interface MigratableClient extends Runner {
  transaction(mode: "write"): Promise<Runner & { commit(): Promise<void>; close(): void }>;
}

/** Migrates the tables of a file. `BEGIN IMMEDIATE` lets one process in at a time. */
export function sqliteMigrationHost(client: MigratableClient, what: string): MigrationHost {
  return {
    what,
    migrations: sqliteMigrations,
    readLedger: () => readLedger(client),
    exclusively: async <T>(work: (session: MigrationSession) => Promise<T>): Promise<T> => {
      const tx = await client.transaction("write");
      try {
        const result = await work(sessionOn(tx));
        await tx.commit();
        return result;
      } finally {
        // Rolls back unless it was committed.
        tx.close();
      }
    },
  };
}

function sessionOn(tx: Runner): MigrationSession {
  return {
    readLedger: () => readLedger(tx),
    run: async (statement) => {
      await tx.execute(statement);
    },
    // It has the file for itself.
    holdTables: () => Promise.resolve(),
    createLedger: async () => {
      // The first three columns are those of drizzle-kit, whose `migrate` can go on from here, and the other way round.
      await tx.execute("create table if not exists stem_migrations (id integer primary key, hash text not null, created_at numeric)");
      const columns = (await tx.execute("select name from pragma_table_info('stem_migrations')")).rows.map((row) => row["name"]);
      const missing = [["tag", "text"], ["library_version", "text"], ["breaking", "integer not null default 0"], ["applied_at", "integer"]]
        .filter(([name]) => !columns.includes(name ?? ""));
      for (const [name, type] of missing) await tx.execute(`alter table stem_migrations add column ${name} ${type}`);
    },
    record: async ({ hash, when, tag }, breaking) => {
      await tx.execute({
        sql: `insert into stem_migrations (hash, created_at, tag, library_version, breaking, applied_at)
          values (?, ?, ?, ?, ?, unixepoch() * 1000)`,
        args: [hash, when, tag, LIBRARY_VERSION, breaking ? 1 : 0],
      });
    },
  };
}

async function readLedger(runner: Runner): Promise<readonly AppliedMigration[] | undefined> {
  const found = await runner.execute("select name from sqlite_master where type = 'table' and name = 'stem_migrations'");
  if (found.rows.length === 0) return undefined;
  // All columns, because a ledger that drizzle-kit made lacks the last ones.
  const { rows } = await runner.execute("select * from stem_migrations order by created_at");
  return rows.map((row) => ({
    hash: String(row["hash"]),
    when: Number(row["created_at"]),
    tag: typeof row["tag"] === "string" ? row["tag"] : undefined,
    breaking: Number(row["breaking"] ?? 0) === 1,
  }));
}
