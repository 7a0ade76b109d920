import type { Adapter } from "../contracts/adapter.ts";
import type { Broker } from "../contracts/broker.ts";
import type { ResultBackend } from "../contracts/result-backend.ts";
import type { TaskLedger } from "../contracts/task-ledger.ts";
import type { Envelope, EnvelopeInput } from "../model/envelope.ts";
import type { ManualClock } from "../time/manual-clock.ts";
import type { RunInTransaction } from "./harness.ts";

/** A ledger that writes both stores in one step, or one that writes them one after the other. */
export type LedgerKind = "joined" | "separate";

/** One example of a law, as data: every adapter runs the same list. */
export interface ConformanceCase {
  /** The laws in brackets, then what is shown: `"[B1] publishing the same id twice keeps one"`. */
  readonly title: string;
  /** Whose time the stores live in: their own, or one that the case moves by hand. @default "system" */
  readonly clock?: "system" | "manual";
  /** Which ledger the case is about: the one that the stores join into, or one that writes them one by one. @default "joined" */
  readonly ledger?: LedgerKind;
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
  /** The first connection's broker and result backend as one, in the way that the case asks for. */
  readonly ledger: TaskLedger;
  /** Makes the same of another connection. */
  ledgerOf(adapter: Adapter): TaskLedger;
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

/** Makes the same case for both kinds of ledger. The title is followed by the kind. */
export function onLedgers(title: string, run: ConformanceCase["run"]): readonly ConformanceCase[] {
  return ledgerKinds.map((ledger) => Object.freeze({ title: `${title}: ${ledger}`, clock: "system", ledger, run }));
}

/** The same as {@link onLedgers}, for stores that live by `context.clock`. */
export function timedOnLedgers(title: string, run: ConformanceCase["run"]): readonly ConformanceCase[] {
  return ledgerKinds.map((ledger) => Object.freeze({ title: `${title}: ${ledger}`, clock: "manual", ledger, run }));
}

const ledgerKinds: readonly LedgerKind[] = ["joined", "separate"];

/** Reads the laws that a case's title names: `["B1"]`. */
export function lawsOf(title: string): readonly string[] {
  return (/^\[([^\]]+)\]/.exec(title)?.[1] ?? "").split(/[\s,]+/).filter((name) => name !== "");
}
