/**
 * The migrations of the SQL stores, for deployments that apply them by a step of their own.
 *
 * @module
 */

export { checkMigrations, migrate, migrationStatus } from "./adapters/sql/migration-commands.ts";
export type { LedgerEntry, MigrationStatus, MigrationTarget, PendingMigration } from "./adapters/sql/migration-commands.ts";
export { postgresMigrations, sqliteMigrations } from "./adapters/sql/migrations.gen.ts";
export type { Migration } from "./adapters/sql/migration.ts";
