import type { RevokeStore } from "../contracts/revoke-store.ts";
import type { WriteOptions } from "../contracts/store.ts";
import type { CancelOutcome, TaskLedger } from "../contracts/task-ledger.ts";
import { ConfigError } from "../errors.ts";
import { show } from "../model/id.ts";
import { NO_REASON } from "../model/owed.ts";
import type { Revocation, RevocationTarget, StoredRevocation } from "../model/revocation.ts";
import { instantOf } from "../tasks/task-options.ts";
import type { Duration } from "../time/duration.ts";
import { durationMs } from "../time/duration.ts";

/** How tasks are revoked. */
export interface RevokeOptions extends WriteOptions {
  /** Whether running handlers are stopped too: their `ctx.signal` aborts. @default false: only what does not run yet */
  readonly terminate?: boolean;
  /** Why; shown to whoever awaits the task. @default none */
  readonly reason?: string;
  /** Who asked for it; stands in the task's status. @default none */
  readonly requestedBy?: string;
  /**
   * How long the decision is kept: as long as such tasks may still be on their way. @default seven days for a task's id, and until it is
   * taken back for names and headers
   */
  readonly expiresIn?: Duration;
  /** The same as an instant, by the store's clock: a `Date` or epoch milliseconds. */
  readonly expiresAt?: Date | number;
}

/** What became of one target of `revoke`. */
export interface RevokeOutcome {
  /** The decision that is in force. */
  readonly revocation: StoredRevocation;
  /**
   * Of a task's id: where the task stood. `cancelled`: it waited, and has ended; `running`: a worker holds it, and is told; `ended`: it has ended,
   * before or because of this; `unknown`: nothing is known of it yet. Absent for names and headers, and with `tx`: their tasks end when they are
   * claimed.
   */
  readonly found?: CancelOutcome;
}

/** What {@link revokeTargets} works on. */
export interface RevokeSources {
  /** Where decisions are kept; absent when there is no such store. */
  readonly revokeStore: RevokeStore | undefined;
  /** Ends what waits. */
  readonly ledger: Pick<TaskLedger, "cancel">;
}

/** How long the revocation of a task's id is kept unless a call says otherwise: as dead letters are. */
const KEPT_BY_ID_MS = 7 * 24 * 60 * 60 * 1_000;

/** Records decisions, then ends those of the named tasks that wait. The decision comes first: a task that is claimed meanwhile meets it. */
export async function revokeTargets(
  targets: readonly (string | RevocationTarget)[],
  options: RevokeOptions,
  { revokeStore, ledger }: RevokeSources,
): Promise<readonly RevokeOutcome[]> {
  if (revokeStore === undefined) throw new ConfigError("Cannot revoke: there is no revoke store, expected one as the option revokeStore");
  const revocations = targets.map((target) => toRevocation(typeof target === "string" ? { kind: "task", id: target } : target, options));
  const { tx, reason = NO_REASON, requestedBy } = options;
  const stored = await revokeStore.upsertAll(revocations, tx === undefined ? {} : { tx });
  const ids = revocations.flatMap(({ target }) => target.kind === "task" && tx === undefined ? [target.id] : []);
  const found = new Map<string, CancelOutcome>();
  if (ids.length > 0) {
    const cancelled = { reason, waitingOnly: true, ...(requestedBy === undefined ? {} : { requestedBy }) };
    const unique = [...new Set(ids)];
    for (const [at, outcome] of (await ledger.cancel(unique, cancelled)).entries()) found.set(unique[at] ?? "", outcome);
  }
  return stored.map((revocation) => {
    const outcome = revocation.target.kind === "task" ? found.get(revocation.target.id) : undefined;
    return outcome === undefined ? { revocation } : { revocation, found: outcome };
  });
}

function toRevocation(target: RevocationTarget, options: RevokeOptions): Revocation {
  const { terminate = false, reason, requestedBy } = options;
  return {
    target,
    terminate,
    ...(reason === undefined ? {} : { reason }),
    ...(requestedBy === undefined ? {} : { requestedBy }),
    ...expiryOf(target, options),
  };
}

function expiryOf({ kind }: RevocationTarget, { expiresIn, expiresAt }: RevokeOptions): Pick<Revocation, "expiresAt" | "expiresInMs"> {
  if (expiresIn !== undefined && expiresAt !== undefined) {
    throw new ConfigError(
      `Cannot revoke with both expiresIn ${show(expiresIn)} and expiresAt ${show(String(expiresAt))}: expected one of them`,
    );
  }
  if (expiresIn !== undefined) return { expiresInMs: durationMs(expiresIn, "expiresIn", { min: 1 }) };
  if (expiresAt !== undefined) return { expiresAt: typeof expiresAt === "number" ? expiresAt : instantOf(expiresAt, 0, "expiresAt") };
  return kind === "task" ? { expiresInMs: KEPT_BY_ID_MS } : {};
}
