import type { Delivery } from "../../model/delivery.ts";
import type { Envelope } from "../../model/envelope.ts";
import type { ClaimRequest, ExtendItem, PublishItem, SettleItem } from "../broker-requests.ts";
import { retriedEnvelope } from "../settled-envelope.ts";
import { readAs } from "../stored-json.ts";
import type { MemorySpace } from "./database.ts";
import { copyOf } from "./json-copies.ts";
import type { StoredEnvelope } from "./queue.ts";
import { MemoryQueue } from "./queue.ts";

/** Takes in an envelope; false when its id is known. */
export function publish(space: MemorySpace, { envelope, text: kept }: PublishItem<unknown>, now: number): boolean {
  const { id, queue, priority, attempt, visibilityTimeoutMs: leaseMs } = envelope;
  if (space.envelopes.has(id) || space.deadLetters.get(id, now) !== undefined) return false;
  const dueAt = envelope.delayMs === undefined ? envelope.notBefore ?? now : now + envelope.delayMs;
  const stored: StoredEnvelope = {
    id,
    queue,
    priority,
    seq: space.next(),
    leaseMs,
    kept,
    attempt,
    place: "ready",
    dueAt,
    token: 0,
    deliveries: 0,
    heapIndex: -1,
  };
  space.envelopes.set(id, stored);
  queueOf(space, queue).add(stored, dueAt, now);
  space.queueWakes.notify(queue);
  return true;
}

/** Hands out what is claimable: one of each queue in turn, beginning at the queue that was served longest ago. */
export function claim(space: MemorySpace, request: ClaimRequest, now: number): readonly Delivery[] {
  const { limit, consumer } = request;
  const deliveries: Delivery[] = [];
  let open = openQueues(space, request.queues).sort((a, b) => a.servedAt - b.servedAt);
  while (open.length > 0) {
    const fruitful: MemoryQueue[] = [];
    for (const queue of open) {
      if (deliveries.length === limit) return deliveries;
      const stored = queue.takeNext(now);
      if (stored === undefined) continue;
      const leaseExpiresAt = now + (stored.leaseMs ?? request.leaseMs);
      stored.token = space.next();
      queue.servedAt = stored.token;
      stored.deliveries += 1;
      queue.addLeased(stored, leaseExpiresAt);
      deliveries.push({
        envelope: readAs<Envelope>(copyOf(stored.kept)),
        token: stored.token,
        consumer,
        claimedAt: now,
        leaseExpiresAt,
        deliveryCount: stored.deliveries,
        redelivered: stored.deliveries > 1,
      });
      fruitful.push(queue);
    }
    open = fruitful;
  }
  return deliveries;
}

/** Gives those of the queues that hold something and are not paused. */
export function openQueues(space: MemorySpace, names: readonly string[]): MemoryQueue[] {
  return names.flatMap((name) => space.pausedQueues.has(name) ? [] : space.queues.get(name) ?? []);
}

/** Gives what a token holds; `undefined` when it was settled or taken over. */
export function heldBy(space: MemorySpace, ref: { readonly id: string; readonly token: number }): StoredEnvelope | undefined {
  const stored = space.envelopes.get(ref.id);
  return stored !== undefined && stored.token !== 0 && stored.token === ref.token ? stored : undefined;
}

/** Carries out a decision; false when the delivery was stale. */
export function settle(space: MemorySpace, item: SettleItem, times: { readonly now: number; readonly deadLetterTtlMs: number }): boolean {
  const stored = heldBy(space, item);
  if (stored === undefined) return false;
  const { now } = times;
  switch (item.kind) {
    case "ack":
      forget(space, stored);
      return true;
    case "retry":
      stored.attempt += 1;
      stored.kept = retriedEnvelope(readAs<Envelope>(stored.kept));
      putBack(space, stored, { now, dueAt: now + item.delayMs });
      return true;
    case "nack":
      putBack(space, stored, { now, dueAt: now + item.delayMs });
      return true;
    case "deadLetter": {
      forget(space, stored);
      const { id, queue, attempt, kept } = stored;
      const { reason = "", error } = item;
      const expiresAt = now + times.deadLetterTtlMs;
      space.deadLetters.set(id, { id, queue, attempt, kept, reason, error, diedAt: now, expiresAt }, { now, expiresAt });
      return true;
    }
  }
}

/** Holds a delivery for longer, never shorter; answers the end of its lease, or `undefined` when it was stale. */
export function extend(space: MemorySpace, item: ExtendItem, now: number): number | undefined {
  const stored = heldBy(space, item);
  if (stored === undefined) return undefined;
  const queue = queueOf(space, stored.queue);
  queue.remove(stored);
  queue.addLeased(stored, Math.max(stored.dueAt, now + item.leaseMs));
  return stored.dueAt;
}

/** Forgets an envelope, wherever it stands. */
export function forget(space: MemorySpace, stored: StoredEnvelope): void {
  const queue = queueOf(space, stored.queue);
  queue.remove(stored);
  space.envelopes.delete(stored.id);
  if (queue.isEmpty) space.queues.delete(stored.queue);
}

/** Gives what waits in a queue and nobody holds, in no order. */
export function waitingIn(space: MemorySpace, queue: string, now: number): readonly StoredEnvelope[] {
  return space.queues.get(queue)?.waiting(now) ?? [];
}

function putBack(space: MemorySpace, stored: StoredEnvelope, { now, dueAt }: { readonly now: number; readonly dueAt: number }): void {
  const queue = queueOf(space, stored.queue);
  queue.remove(stored);
  stored.token = 0;
  stored.deliveries = 0;
  queue.add(stored, dueAt, now);
  space.queueWakes.notify(stored.queue);
}

function queueOf(space: MemorySpace, name: string): MemoryQueue {
  const known = space.queues.get(name);
  if (known !== undefined) return known;
  const queue = new MemoryQueue(space.next());
  space.queues.set(name, queue);
  return queue;
}
