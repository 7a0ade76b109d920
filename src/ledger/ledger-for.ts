import type { Broker } from "../contracts/broker.ts";
import type { ResultBackend } from "../contracts/result-backend.ts";
import type { TaskLedger } from "../contracts/task-ledger.ts";
import { SeparateLedger } from "./separate-ledger.ts";

/**
 * Makes a ledger of a broker and a backend: the atomic one when they share a database, otherwise one that writes the two sides in an
 * order in which a crash in between can only repeat work, never lose it.
 */
export function ledgerFor(broker: Broker, backend: ResultBackend): TaskLedger {
  return broker.joinWith(backend) ?? new SeparateLedger(broker, backend);
}
