import type { Migration, MigrationHost, MigrationView } from "./migration.ts";
import { BREAKING_MIGRATIONS } from "./migration.ts";
import type { MigrationPlan } from "./migration-plan.ts";
import { compare, requireAdditive, requireCurrent } from "./migration-plan.ts";

/**
 * What connecting does about the schema:
 *
 * - `auto` applies what is missing and only adds; breaking steps are refused;
 * - `check` writes nothing, and refuses a database that is behind;
 * - `off` does not look.
 */
export type MigrateMode = "auto" | "check" | "off";

/**
 * Brings a database into the state that connecting needs.
 *
 * @throws {MigrationError} when it is behind and must not be migrated here, or ahead of this library.
 */
export async function prepareSchema(host: MigrationHost, mode: MigrateMode): Promise<void> {
  if (mode === "off") return;
  // The common case reads once and takes no lock.
  const plan = await planOf(host);
  if (plan.pending.length === 0) return;
  if (mode === "check") return requireCurrent(host.what, plan);
  requireAdditive(host.what, plan);
  await migrateHost(host);
}

/** Applies everything that is missing, all of it or nothing. Answers what this call applied. */
export async function migrateHost(host: MigrationHost): Promise<readonly Migration[]> {
  return await host.exclusively(async (session) => {
    // Looked at again: another process may have been faster while this one waited.
    const { pending } = compare(host.what, host.migrations, await session.readLedger());
    if (pending.length > 0) {
      await session.holdTables();
      await session.createLedger();
    }
    for (const migration of pending) {
      for (const statement of migration.statements) await session.run(statement);
      await session.record(migration, BREAKING_MIGRATIONS.has(migration.tag));
    }
    return pending;
  });
}

/** Tells how a database stands to this library; writes nothing. */
export async function planOf(host: MigrationView): Promise<MigrationPlan> {
  return compare(host.what, host.migrations, await host.readLedger());
}
