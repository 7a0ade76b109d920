import type { Adapter } from "../contracts/adapter.ts";
import type { Broker } from "../contracts/broker.ts";
import type { ResultBackend } from "../contracts/result-backend.ts";
import type { TaskLedger } from "../contracts/task-ledger.ts";
import type { Envelope, EnvelopeInput } from "../model/envelope.ts";
import type { ManualClock } from "../time/manual-clock.ts";
import type { RunInTransaction } from "./harness.ts";

/** One example of a law, as data: every adapter runs the same list. */
export interface ConformanceCase {
  /** The laws in brackets, then what is shown: `"[B1] publishing the same id twice keeps one"`. */
  readonly title: string;
  /** Whose time the stores live in: their own, or one that the case moves by hand. @default "system" */
  readonly clock?: "system" | "manual";
  /** How long the case may take in real time, in milliseconds. @default 60,000 */
  readonly timeoutMs?: number;
  /** Shows the law; throws when it does not hold. */
  run(context: CaseContext): Promise<void>;
}

/** What a case works with. Every case has a namespace of its own, and all that it opened is closed after it. */
export interface CaseContext {
  /** The namespace of this case. */
  readonly namespace: string;
  /** The first connection. */
  readonly adapter: Adapter;
  /** The first connection's broker. */
  readonly broker: Broker;
  /** The first connection's result backend. */
  readonly results: ResultBackend;
  /** The first connection's broker and result backend as one. */
  readonly ledger: TaskLedger;
  /** The clock that all connections of this case live by; throws in a case that did not ask for a manual one. */
  readonly clock: ManualClock;
  /** Whether this case moves time by hand. */
  readonly isManual: boolean;
  /** Runs work in a transaction of the caller's own on the same database; absent where the harness has none. */
  readonly transaction: RunInTransaction | undefined;
  /** Opens another connection to the same namespace. */
  second(): Promise<Adapter>;
  /** Opens a connection to another namespace of the same database; every call gives the same one. */
  other(): Promise<Adapter>;
  /** Opens a connection to any namespace. */
  connect(namespace: string): Promise<Adapter>;
  /** Gives what the promise gives, and fails when it is still open after `ms` of real time (10,000 when none are given). */
  within<T>(promise: PromiseLike<T>, ms?: number): Promise<T>;
  /** Makes an id that no other case uses. */
  id(label?: string): string;
  /** Makes an envelope with a fresh id; name `"conformance.task"` and the default queue unless given. */
  envelope(input?: Partial<EnvelopeInput>): Envelope;
}

/** Makes a case whose stores live in their own time. */
export function law(title: string, run: ConformanceCase["run"]): ConformanceCase {
  return Object.freeze({ title, clock: "system", run });
}

/** Makes a case whose stores live by `context.clock`. */
export function timedLaw(title: string, run: ConformanceCase["run"]): ConformanceCase {
  return Object.freeze({ title, clock: "manual", run });
}

/** Reads the laws that a case's title names: `["B1"]`. */
export function lawsOf(title: string): readonly string[] {
  return (/^\[([^\]]+)\]/.exec(title)?.[1] ?? "").split(/[\s,]+/).filter((name) => name !== "");
}
