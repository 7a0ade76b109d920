import type { Broker } from "./broker.ts";
import type { LockStore } from "./lock-store.ts";
import type { RateLimiter } from "./rate-limiter.ts";
import type { ResultBackend } from "./result-backend.ts";
import type { RevokeStore } from "./revoke-store.ts";
import type { ScheduleStore } from "./schedule-store.ts";
import type { Store } from "./store.ts";
import type { WorkflowStore } from "./workflow-store.ts";

/** What an adapter can and cannot do: read it before relying on it. */
export interface AdapterSupport {
  /** The adapter's name: `"memory"`, `"sqlite"`, `"postgres"`, `"redis"`. */
  readonly name: string;
  /** Whether state survives the end of every process. */
  readonly durable: boolean;
  /** How other processes learn of a change: told at once (`"push"`), by looking often (`"poll"`), or not at all (`"process"`). */
  readonly notifications: "push" | "poll" | "process";
  /** Whether writes can join the caller's own transaction (`tx`). */
  readonly transactions: boolean;
  /** Whether other processes can use the same state at the same time. */
  readonly shared: boolean;
  /** The smallest step of the store's clock, in milliseconds. */
  readonly timeResolutionMs: number;
}

/**
 * All stores of one database, on one shared connection.
 *
 * - **A1** The stores of one adapter share what they connect with; closing the adapter closes them all, once.
 * - **A2** A second adapter on the same database, in this process or another, sees the same state at once.
 * - **A3** The broker joins with the result backend of the same adapter into an atomic ledger. A ledger that writes the two sides one by one on the
 *   same database does no harm beside it: producers and workers of both kinds work together.
 * - **A4** Each durable adapter keeps what it acknowledged when its process is killed.
 */
export interface Adapter extends Store {
  /** What this adapter can do. */
  readonly supports: AdapterSupport;
  /** Carries envelopes. */
  readonly broker: Broker;
  /** Keeps statuses, groups and heartbeats. */
  readonly results: ResultBackend;
  /** Keeps schedules. */
  readonly schedules: ScheduleStore;
  /** Keeps locks. */
  readonly locks: LockStore;
  /** Keeps revocations. */
  readonly revocations: RevokeStore;
  /** Keeps workflow runs; absent where the adapter has none. */
  readonly workflows?: WorkflowStore;
  /** Limits rates and numbers. */
  readonly limiter: RateLimiter;
}
