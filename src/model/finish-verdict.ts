import type { StatusOrder } from "./task-state.ts";
import { isTerminal, supersedes } from "./task-state.ts";

/**
 * What the status on record says to a holder that ends its delivery.
 *
 * - `write`: it is replaced by the holder's.
 * - `keep`: it says the same already, or more about the same attempt; it stays, and the rest of the completion is carried out.
 * - `refuse`: something else became of the task; it stays, and the envelope is acknowledged.
 */
export type FinishVerdict = "write" | "keep" | "refuse";

/** Compares a holder's status with the one on record. The holder's token was found to be the current one. */
export function finishVerdict(next: StatusOrder, current: StatusOrder | undefined): FinishVerdict {
  if (current === undefined || supersedes(next, current)) return "write";
  if (next.attempt !== current.attempt) return "refuse";
  // Written before by a completion that was cut short, or by `cancel`.
  if (next.state === current.state) return "keep";
  // Putting back is the one step down: the holder's token is what permits it.
  if (next.state === "queued" && !isTerminal(current.state)) return current.state === "running" ? "write" : "keep";
  return "refuse";
}
