import type { Broker } from "../contracts/broker.ts";
import type { ResultBackend } from "../contracts/result-backend.ts";
import type { TaskLedger } from "../contracts/task-ledger.ts";
import { cancelFailure } from "../model/owed.ts";

/** What {@link cancelQueue} works on. */
export interface CancelQueueStores {
  /** Carries the tasks. */
  readonly broker: Broker;
  /** Keeps their statuses. */
  readonly results: ResultBackend;
  /** Both as one. */
  readonly ledger: Pick<TaskLedger, "cancel" | "finish">;
}

const batch = 1_000;

/**
 * Cancels what waits in a queue whose broker and backend share no database. Answers how many tasks that were.
 *
 * What is claimable is claimed and finished as cancelled: exact, whoever works at the same time. What is hidden cannot be claimed: it is
 * found by its status, which is cancelled before the broker forgets the envelope, and once more after that for what came in between.
 */
export async function cancelQueue(queue: string, stores: CancelQueueStores): Promise<number> {
  const claimed = await cancelClaimable(queue, stores);
  await cancelListed(queue, stores);
  const purged = await stores.broker.purge(queue);
  await cancelListed(queue, stores);
  return claimed + purged;
}

async function cancelClaimable(queue: string, { broker, ledger }: CancelQueueStores): Promise<number> {
  // Not more than were there at first: producers that keep on would keep this going.
  const { ready } = await broker.counts(queue);
  let claimed = 0;
  while (claimed < ready) {
    const deliveries = await broker.claim({ queues: [queue], limit: Math.min(batch, ready - claimed), consumer: "purge" });
    if (deliveries.length === 0) break;
    claimed += deliveries.length;
    await ledger.finish(
      deliveries.map((delivery) => ({
        delivery,
        settlement: { kind: "ack" },
        status: { state: "cancelled", error: cancelFailure("purged") },
      })),
    );
  }
  return claimed;
}

async function cancelListed(queue: string, { results, ledger }: CancelQueueStores): Promise<void> {
  let cursor: string | undefined;
  do {
    const page = await results.list({ queue, state: ["queued", "retrying"] }, {
      limit: batch,
      ...(cursor === undefined ? {} : { cursor }),
    });
    await ledger.cancel(page.items.map(({ id }) => id), { reason: "purged" });
    cursor = page.cursor;
  } while (cursor !== undefined);
}
