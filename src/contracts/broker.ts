import type { DeadLetter, Delivery, SettleRequest } from "../model/delivery.ts";
import type { Envelope } from "../model/envelope.ts";
import type { Page, PageRequest } from "../model/page.ts";
import type { TaskFailure } from "../model/task-failure.ts";
import type { ResultBackend } from "./result-backend.ts";
import type { Store, WriteOptions } from "./store.ts";
import type { TaskLedger } from "./task-ledger.ts";

/** What to claim, and how long to wait for it. */
export interface ClaimOptions {
  /** The queues to serve: at least one, none twice. */
  readonly queues: readonly string[];
  /** How many deliveries at most, 1 to 1,000. */
  readonly limit: number;
  /** Who claims: recorded with each delivery. */
  readonly consumer: string;
  /** How long the claimer holds each delivery; the envelope's own `visibilityTimeoutMs` wins. @default 30,000 */
  readonly leaseMs?: number;
  /** How long to wait when nothing is claimable. @default 0: answer at once */
  readonly waitMs?: number;
  /** Ends the wait early: the call then answers with what it has, normally nothing. */
  readonly signal?: AbortSignal;
}

/** How {@link Broker.consume} claims. */
export interface ConsumeOptions extends Omit<ClaimOptions, "limit" | "waitMs"> {
  /** How many deliveries to hold ready ahead of the loop body. @default 1 */
  readonly prefetch?: number;
  /**
   * How often a delivery may be handed out before it is dead-lettered as poison. For brokers that are used alone: a worker decides the
   * same by `deliveryCount`, and finishes such a task through its ledger, with status and group. @default 10
   */
  readonly maxDeliveries?: number;
}

/** How many envelopes of one queue stand where. */
export interface QueueCounts {
  /** Claimable now. */
  readonly ready: number;
  /** Hidden until their time. */
  readonly delayed: number;
  /** Held by a consumer. */
  readonly inflight: number;
  /** Given up on. */
  readonly dead: number;
}

/** Which dead letters; every given condition must hold. */
export interface DeadLetterFilter {
  /** Only these ids. */
  readonly ids?: readonly string[];
  /** Only from this queue. */
  readonly queue?: string;
  /** Only those given up on at or after this instant. */
  readonly since?: number;
}

/** Which dead letters to replay, and how. */
export interface ReplayOptions extends DeadLetterFilter {
  /** How many at most, oldest first, 1 to 1,000. @default the number of `ids`, else 100 */
  readonly limit?: number;
  /** How long they stay hidden, from the store's now. @default 0 */
  readonly delayMs?: number;
  /** Only tell which would be replayed; change nothing. @default false */
  readonly dryRun?: boolean;
}

/** Tasks that were given up on. */
export interface DeadLetters {
  /** Lists them, the latest first. */
  list(filter?: DeadLetterFilter, page?: PageRequest): Promise<Page<DeadLetter>>;
  /** Reads one; `undefined` when there is none of that id. */
  get(id: string): Promise<DeadLetter | undefined>;
  /**
   * Publishes dead letters again, each in one step with its removal here: at attempt + 1, with `maxRetries` raised by the attempts
   * made so far, without `notBefore`, `delayMs` and an `expiresAt` that has passed. Where the task's status lives in the same row or
   * database it becomes `queued` at that attempt in the same step; `TaskLedger.replay` does it everywhere.
   *
   * @returns the ids, in the order of their deaths.
   */
  replay(options?: ReplayOptions): Promise<readonly string[]>;
  /** Forgets them; without a filter, all of the namespace. Returns how many. */
  purge(filter?: DeadLetterFilter): Promise<number>;
}

/** A message to every subscriber of a channel. */
export interface Broadcast {
  /** The channel it was sent to. */
  readonly channel: string;
  /** What was sent (a JSON value). */
  readonly message: unknown;
  /** When the store accepted it, by the store's clock. */
  readonly sentAt: number;
}

/** Why a queue hands out nothing. */
export interface PauseOptions {
  /** Why. @default none */
  readonly reason?: string;
  /** Who asked for it. @default none */
  readonly by?: string;
}

/** A queue that hands out nothing. */
export interface PausedQueue extends PauseOptions {
  /** The queue. */
  readonly queue: string;
  /** Since when, by the store's clock. */
  readonly pausedAt: number;
}

/**
 * Carries envelopes from producers to consumers, at least once.
 *
 * Publishing
 * - **B1** Publishing is idempotent by envelope id: while an envelope of that id waits, is held, or is an unexpired dead letter, publishing
 *   it again changes nothing and answers `false`; so does its second occurrence in one call.
 * - **B2** One call's envelopes are accepted all or none; a bad one is refused before anything is written.
 * - **B3** An envelope comes back as it was published: every field, JSON in meaning, any character that a validated id may contain.
 * - **B4** Within a queue, higher priorities are claimed first, and equal ones in the order of their publication; a retried, put-back,
 *   delayed or redelivered one keeps its place.
 * - **B5** An envelope with `notBefore` or `delayMs` stays hidden until it is due, and then wakes a waiting claim. Among other work that is always
 *   at hand it takes its place within 100 ms.
 *
 * Claiming
 * - **B6** A claimed envelope is held by one consumer at a time; of many claimers that race for it, one gets it.
 * - **B7** One claim may span many queues and answers with at most `limit` deliveries. It goes round its queues, takes at most one more from
 *   any than from another that still has work, and starts at a different queue each time: none starves, even at `limit` 1.
 * - **B8** A waiting claim wakes when work arrives from any connection or process, and ends at `waitMs`, at `signal`, or on close.
 * - **B9** An expired lease makes the envelope claimable again: at the same attempt, `redelivered`, with a higher delivery count and token.
 *   Tokens rise strictly per id, also when the id was acknowledged and published anew within the same millisecond.
 * - **B10** The envelope's `visibilityTimeoutMs` wins over the claim's `leaseMs`, which wins over 30 seconds.
 *
 * Settling
 * - **B11** Settling or extending with a token that is not the current one changes nothing and says so, and so does a second settlement of one
 *   delivery. A lease that ran out, but that nobody took over, can still be settled and extended.
 * - **B12** `ack` forgets the envelope: it is never delivered again, and its id may be published anew.
 * - **B13** `retry` moves the envelope to attempt + 1 at its time, in one step.
 * - **B14** `nack` puts it back without burning an attempt; `deadLetter` moves it to the dead letters with reason and error, in one step.
 * - **B15** One call settles many deliveries, each by its own decision; a stale one does not hold up the others.
 * - **B16** `extendLease` moves the expiry to the store's now + the given time, never to before the present expiry, never hands out a copy, and
 *   answers the expiry per delivery.
 * - **B17** `consume` yields deliveries until its signal aborts, gives back what it claimed ahead, and dead-letters a delivery as
 *   `poison` instead of yielding it once it was handed out more than `maxDeliveries` times.
 *
 * Administration
 * - **B18** `counts` tells ready, delayed, inflight and dead apart, where an expired lease counts as ready; `purge` forgets what is ready or
 *   delayed, and not what is held.
 * - **B19** Dead letters are listed with the latest first, read by id, filtered by queue and time, and paged by cursor.
 * - **B20** `replay` publishes dead letters again at attempt + 1 with a fresh budget of retries; a dry run changes nothing.
 * - **B21** A dead letter outlives its task's status; after its retention it is unknown at once, to readers and to `publish`, and `sweep` deletes
 *   it later in small batches. Forgetting a status never touches its delivery or dead letter, nor the reverse.
 * - **B22** A broadcast reaches every subscriber of its channel, on every connection, once and in the order of its sender, from when `subscribe`
 *   resolved.
 *
 * Everywhere
 * - **B23** Namespaces isolate.
 * - **B24** What it returns is the caller's: changing it changes nothing inside.
 * - **B25** After `close`, calls throw `ClosedError`; `close` is idempotent.
 * - **B26** Bad arguments (an empty list of queues, `limit: 0`, a negative time) throw `ConfigError` and change nothing; empty batches do nothing.
 * - **B27** `publish` with `tx` joins the caller's transaction: claimable when it commits, gone when it rolls back. Stores without
 *   transactions throw `UnsupportedError`.
 * - **B28** A paused queue hands out nothing to claims that begin after `pauseQueue` resolved, until it is resumed: from any process, and across restarts
 *   where the adapter is durable. It goes on accepting, what was handed out can be settled, what is claimable counts as ready and wakes
 *   nobody, and `resumeQueue` wakes those who wait.
 */
export interface Broker extends Store {
  /** Accepts envelopes. Answers one boolean each, in order: true when it was accepted, false when it was known already. */
  publish(envelopes: readonly Envelope[], options?: WriteOptions): Promise<readonly boolean[]>;
  /** Hands out claimable envelopes, or waits for them. */
  claim(options: ClaimOptions): Promise<readonly Delivery[]>;
  /** Carries out many decisions. Answers one boolean each, in order: false when the delivery was stale. */
  settle(requests: readonly SettleRequest[], options?: WriteOptions): Promise<readonly boolean[]>;
  /** Settles one delivery as done. False when it was stale. */
  ack(delivery: Delivery): Promise<boolean>;
  /** Settles one delivery for another attempt after `delayMs`. False when it was stale. */
  retry(delivery: Delivery, delayMs?: number): Promise<boolean>;
  /** Puts one delivery back after `delayMs` without burning an attempt. False when it was stale. */
  nack(delivery: Delivery, delayMs?: number): Promise<boolean>;
  /** Moves one delivery to the dead letters. False when it was stale. */
  deadLetter(delivery: Delivery, reason: string, error?: TaskFailure): Promise<boolean>;
  /** Holds deliveries for `leaseMs` from the store's now. Answers the new expiry of each, in order; `undefined` when it was stale. */
  extendLease(deliveries: readonly Delivery[], leaseMs: number): Promise<readonly (number | undefined)[]>;
  /** Claims one after the other, until the signal aborts. Whoever iterates settles what it gets. */
  consume(options: ConsumeOptions): AsyncIterable<Delivery>;
  /** Has a queue hand out nothing until it is resumed. False when it was paused already: the first reason stays. */
  pauseQueue(queue: string, options?: PauseOptions): Promise<boolean>;
  /** Has a queue hand out again. False when it was not paused. */
  resumeQueue(queue: string): Promise<boolean>;
  /** Tells which queues are paused, by name. */
  pausedQueues(): Promise<readonly PausedQueue[]>;
  /** Forgets everything of a queue that no consumer holds. Returns how many envelopes. */
  purge(queue: string): Promise<number>;
  /** Counts a queue; all zero when nothing is known of it. */
  counts(queue: string): Promise<QueueCounts>;
  /** The tasks that were given up on. */
  readonly deadLetters: DeadLetters;
  /** Deletes expired dead letters and broadcasts, at most `limit` of each (default 500). Returns how many were deleted. */
  sweep(options?: { readonly limit?: number }): Promise<number>;
  /** Sends a JSON value to every subscriber of the channel. Nobody listening is fine. */
  broadcast(channel: string, message: unknown): Promise<void>;
  /** Listens to a channel: what is sent after the promise resolved arrives, until the signal aborts. */
  subscribe(channel: string, options: { readonly signal: AbortSignal }): Promise<AsyncIterable<Broadcast>>;
  /**
   * Offers to write status and delivery in one step when the backend lives in the same database.
   *
   * @returns the atomic ledger, or `undefined` when the backend has another database, another namespace, or another connection.
   */
  joinWith(backend: ResultBackend): TaskLedger | undefined;
}
