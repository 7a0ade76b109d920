import type { GroupCommitOptions } from "../call-group.ts";

/**
 * Lets two round trips be under way at once unless an option says otherwise: while the server works on one, this process prepares the next one. The
 * connection keeps their order.
 */
export function inPairs(options: GroupCommitOptions = {}): GroupCommitOptions {
  return { maxInFlight: 2, ...options };
}
