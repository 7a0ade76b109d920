import type { TaskLedger } from "../../contracts/task-ledger.ts";
import type { LedgerLimits } from "../ledger-requests.ts";
import type { RedisDatabase } from "./database.ts";

/** What a Redis ledger gives to a store of the same database that enqueues within a script of its own. */
export interface LedgerSide {
  /** Where its keys are. */
  readonly database: RedisDatabase;
  /** The namespace of all its keys. */
  readonly namespace: string;
  /** What its texts are held to. */
  readonly limits: LedgerLimits;
  /** Throws when either side of the ledger was closed. */
  readonly requireOpen: () => void;
}

// Not a property of the ledger: nobody but a store on the same database has use for it.
const sides = new WeakMap<TaskLedger, LedgerSide>();

/** Makes a ledger known as one whose writes can be a part of a script of that database. */
export function offerLedger(ledger: TaskLedger, side: LedgerSide): void {
  sides.set(ledger, side);
}

/** The side that a ledger offers; `undefined` when it is none on Redis. */
export function ledgerSideOf(ledger: TaskLedger): LedgerSide | undefined {
  return sides.get(ledger);
}
