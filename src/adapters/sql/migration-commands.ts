import { ConfigError } from "../../errors.ts";
import { migrateHost, planOf } from "./migrate.ts";
import type { MigrationHost, MigrationView } from "./migration.ts";
import type { MigrationPlan } from "./migration-plan.ts";
import { requireCurrent } from "./migration-plan.ts";
import { withPostgresHost } from "./postgres-driver.ts";
import { withSqliteHost } from "./sqlite-driver.ts";
import { lookAtSqlite } from "./sqlite-look.ts";

/** Which tables of a database are meant. */
export interface MigrationTarget {
  /** The Postgres schema of the tables. @default "stem" */
  readonly schema?: string;
}

/** A migration that is still to be applied. */
export interface PendingMigration {
  /** Its name. */
  readonly tag: string;
  /** Its statements, in order. */
  readonly statements: readonly string[];
}

/** A migration that was applied. */
export interface LedgerEntry {
  /** Its name; absent when another tool applied it. */
  readonly tag?: string;
  /** When it was generated, in epoch milliseconds: its identity. */
  readonly when: number;
  /** SHA-256 of its SQL. */
  readonly hash: string;
}

/** How a database stands to this version of the library. */
export interface MigrationStatus {
  /** Names the database, without its password. */
  readonly database: string;
  /** What was applied, in order. */
  readonly applied: readonly LedgerEntry[];
  /** What is still to be applied, in order. */
  readonly pending: readonly PendingMigration[];
  /** What a newer version of the library applied; this one works beside it. */
  readonly newer: readonly LedgerEntry[];
}

/**
 * Tells how the database of a URL stands to this version of the library. Writes nothing.
 *
 * @throws {ConfigError} for a URL of no SQL store.
 * @throws {StoreError} when the database cannot be reached.
 * @throws {MigrationError} when its migrations are others than this library's, or a newer version broke with this one.
 */
export function migrationStatus(url: string, target: MigrationTarget = {}): Promise<MigrationStatus> {
  return withView(url, target, async (view) => toStatus(view, await planOf(view)));
}

/**
 * Applies everything that is missing, breaking steps included: all of it, or nothing. Many processes may do so at once.
 *
 * @returns what this call applied.
 * @throws as {@link migrationStatus}.
 */
export function migrate(url: string, target: MigrationTarget = {}): Promise<readonly PendingMigration[]> {
  return withHost(url, target, async (host) => (await migrateHost(host)).map(({ tag, statements }) => ({ tag, statements })));
}

/**
 * Refuses a database that is behind; works for users who may only read, and writes nothing. Made for a step of a deployment.
 *
 * @throws {MigrationError} that names what is missing; and as {@link migrationStatus}.
 */
export function checkMigrations(url: string, target: MigrationTarget = {}): Promise<void> {
  return withView(url, target, async (view) => requireCurrent(view.what, await planOf(view)));
}

async function withHost<T>(url: string, { schema }: MigrationTarget, work: (host: MigrationHost) => Promise<T>): Promise<T> {
  return dialectOf(url) === "postgres" ? await withPostgresHost(url, { schema }, work) : await withSqliteHost(url, work);
}

async function withView<T>(url: string, { schema }: MigrationTarget, work: (view: MigrationView) => Promise<T>): Promise<T> {
  return dialectOf(url) === "postgres" ? await withPostgresHost(url, { schema }, work) : await lookAtSqlite(url, work);
}

function dialectOf(url: string): "postgres" | "sqlite" {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === "postgres" || scheme === "postgresql") return "postgres";
  if (scheme === "sqlite" || scheme === "file") return "sqlite";
  const found = scheme === undefined ? "without a scheme" : `of scheme "${scheme}"`;
  throw new ConfigError(`Cannot migrate the database of a URL ${found}: expected postgres: or sqlite:`);
}

function toStatus({ what }: MigrationView, { applied, pending, newer }: MigrationPlan): MigrationStatus {
  const entry = ({ tag, when, hash }: MigrationPlan["applied"][number]): LedgerEntry => ({
    ...(tag === undefined ? {} : { tag }),
    when,
    hash,
  });
  return {
    database: what,
    applied: applied.map(entry),
    pending: pending.map(({ tag, statements }) => ({ tag, statements })),
    newer: newer.map(entry),
  };
}
