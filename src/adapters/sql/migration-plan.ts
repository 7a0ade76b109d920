import { MigrationError } from "../../errors.ts";
import type { AppliedMigration, Migration } from "./migration.ts";
import { BREAKING_MIGRATIONS } from "./migration.ts";

/** How a database stands to this version of the library. */
export interface MigrationPlan {
  /** What has been applied, in order. */
  readonly applied: readonly AppliedMigration[];
  /** What this library still has to apply, in order. */
  readonly pending: readonly Migration[];
  /** What a newer library applied; harmless, or `compare` had thrown. */
  readonly newer: readonly AppliedMigration[];
}

/**
 * Compares a ledger with the migrations that this library knows.
 *
 * @throws {MigrationError} when an applied migration is not the one of that place, or a newer library made a breaking change.
 */
export function compare(what: string, known: readonly Migration[], ledger: readonly AppliedMigration[] | undefined): MigrationPlan {
  const applied = [...ledger ?? []].sort((a, b) => a.when - b.when);
  const byTime = new Map(applied.map((migration) => [migration.when, migration]));
  for (const { when, hash, tag } of known) {
    const found = byTime.get(when);
    if (found === undefined || found.hash === hash) continue;
    throw new MigrationError(
      `Cannot use ${what}: its migration ${tag} has hash ${found.hash.slice(0, 12)}, this library's has ${hash.slice(0, 12)}`,
    );
  }
  const times = new Set(known.map(({ when }) => when));
  const newer = applied.filter(({ when }) => !times.has(when));
  const breaking = newer.find((migration) => migration.breaking);
  if (breaking !== undefined) {
    throw new MigrationError(
      `Cannot use ${what}: a newer version of the library applied ${breaking.tag ?? breaking.when}, which this version does not understand`,
    );
  }
  return { applied, newer, pending: known.filter(({ when }) => !byTime.has(when)) };
}

/** Refuses a database that is behind. */
export function requireCurrent(what: string, { pending }: MigrationPlan): void {
  if (pending.length === 0) return;
  const tags = pending.map(({ tag }) => tag).join(", ");
  throw new MigrationError(`Cannot use ${what}: it is behind by ${pending.length} (${tags}); run the migrations first`);
}

/** Refuses to apply breaking migrations on connect. */
export function requireAdditive(
  what: string,
  { pending, applied }: MigrationPlan,
  breakingTags: ReadonlySet<string> = BREAKING_MIGRATIONS,
): void {
  // An empty database has no older library that could break.
  const breaking = applied.length === 0 ? undefined : pending.find(({ tag }) => breakingTags.has(tag));
  if (breaking === undefined) return;
  throw new MigrationError(`Cannot migrate ${what} on connect: ${breaking.tag} breaks older versions of the library; apply it by command`);
}
