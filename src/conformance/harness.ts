import type { Adapter } from "../contracts/adapter.ts";
import type { Clock } from "../time/clock.ts";

/** Runs work inside a transaction of the caller's own: commits when it resolves, rolls back when it rejects, and rejects with the same error. */
export type RunInTransaction = (work: (tx: object) => Promise<void>) => Promise<void>;

/** How {@link ConformanceHarness.connect} connects. */
export interface HarnessConnectOptions {
  /** The namespace to use. */
  readonly namespace: string;
  /** The clock by which the adapter judges all times and on which it sets its timers. @default the store's own time */
  readonly clock?: Clock;
}

/** What the author of an adapter gives the kit: how to get at it. */
export interface ConformanceHarness {
  /** Names the adapter in the titles. */
  readonly name: string;
  /** Opens one more connection to the same database: what one of them writes, the others see. */
  connect(options: HarnessConnectOptions): Promise<Adapter>;
  /** Runs work in a transaction on that database, made without the adapter; needed when `supports.transactions` is true. */
  readonly transaction?: RunInTransaction;
  /** Takes away what the harness made: files, schemas. Called once, after the last case. */
  cleanup(): Promise<void>;
}
