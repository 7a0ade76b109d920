import type { Broker, ClaimOptions, QueueCounts } from "../contracts/broker.ts";
import type { Delivery } from "../model/delivery.ts";
import { DEFAULT_QUEUE } from "../model/envelope.ts";
import { describeError, equal, fail, ok, only } from "./assert.ts";
import type { CaseContext } from "./case.ts";
import type { RunInTransaction } from "./harness.ts";

/** Claims up to 1,000 from the default queue as `"claimer"`, unless told otherwise. */
export function claim(broker: Pick<Broker, "claim">, options: Partial<ClaimOptions> = {}): Promise<readonly Delivery[]> {
  return broker.claim({ queues: [DEFAULT_QUEUE], limit: 1_000, consumer: "claimer", ...options });
}

/** Claims, and fails unless exactly one delivery comes. */
export async function claimOne(broker: Pick<Broker, "claim">, options: Partial<ClaimOptions> = {}): Promise<Delivery> {
  return only(await claim(broker, options), "delivery");
}

/** Fails unless nothing is claimable from the default queue. */
export async function claimNothing(broker: Pick<Broker, "claim">, message: string): Promise<void> {
  equal(idsOf(await claim(broker)), [], message);
}

/** Gives the ids of deliveries, in order. */
export function idsOf(deliveries: readonly Delivery[]): readonly string[] {
  return deliveries.map((delivery) => delivery.envelope.id);
}

/** Fails unless the counts of the default queue are these; what is not given is zero. */
export async function expectCounts(broker: Broker, expected: Partial<QueueCounts>, message: string): Promise<void> {
  equal(await broker.counts(DEFAULT_QUEUE), { ready: 0, delayed: 0, inflight: 0, dead: 0, ...expected }, message);
}

/** A call that waits on the case's manual clock. */
export interface Waiting<T> {
  /** What it will answer. */
  readonly answer: Promise<T>;
  /** Moves the clock, and gives the answer; fails when the call waits on although its timers have fired. */
  readonly afterMoving: (ms: number) => Promise<T>;
}

/**
 * Starts a call that waits on the case's manual clock, and resolves once it has set its timer there (or has ended already).
 * From then on moving the clock is moving the call's time.
 */
export async function startWaiting<T>(context: CaseContext, start: () => Promise<T>): Promise<Waiting<T>> {
  const { clock, within } = context;
  const before = clock.pending;
  const answer = start();
  let hasEnded = false;
  const noteEnd = (): void => {
    hasEnded = true;
  };
  const paused = () => within(Promise.race([clock.waitForTimers(before + 1), answer.then(noteEnd, noteEnd)]));
  await paused();
  return {
    answer,
    afterMoving: async (ms) => {
      await clock.advance(ms);
      // A store that was reading while time moved sets another timer: a short one for what it has just missed, a long one if it missed nothing.
      for (let turn = 0; turn < 10; turn++) {
        await paused();
        if (hasEnded) return answer;
        await clock.advance(Math.min(clock.nextTimerMs ?? 0, 1_000));
      }
      return fail("Expected the waiting call to have ended, it set timer after timer");
    },
  };
}

/** Reads `count` items from an iteration, each within the case's limit. */
export async function readNext<T>(context: CaseContext, iterator: AsyncIterator<T>, count: number): Promise<readonly T[]> {
  const items: T[] = [];
  for (let index = 0; index < count; index++) {
    const next = await context.within(iterator.next());
    if (next.done === true) break;
    items.push(next.value);
  }
  equal(items.length, count, "items before the iteration ended");
  return items;
}

/** Fails unless the iteration ends now, without another item. */
export async function expectEnd<T>(context: CaseContext, iterator: AsyncIterator<T>): Promise<void> {
  const next = await context.within(iterator.next());
  equal(next.done === true ? "ended" : next.value, "ended", "the iteration");
}

/** Runs work in a transaction that is then rolled back. */
export async function rollBack(run: RunInTransaction, work: (tx: object) => Promise<void>): Promise<void> {
  const reason = new Error("The case rolls back");
  const caught = await refusalOf(() =>
    run(async (tx) => {
      await work(tx);
      throw reason;
    })
  );
  ok(caught === reason, `Expected the transaction to reject with the reason of the rollback, got ${describeError(caught)}`);
}

/** Gives what the call threw; `undefined` when it answered. */
export async function refusalOf(call: () => Promise<unknown>): Promise<unknown> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Writes into every list and object inside a value, as a careless caller would. */
export function scribble(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  for (const inner of Object.values(value)) scribble(inner);
  if (Object.isFrozen(value)) return;
  if (Array.isArray(value)) value.push("scribbled");
  else Object.assign(value, { scribbled: true });
}

/** Publishes and buries that many, a millisecond apart on a manual clock. Gives the ids in the order of their deaths. */
export async function bury(context: CaseContext, count: number, queue = "default"): Promise<readonly string[]> {
  const { broker, envelope } = context;
  const ids: string[] = [];
  for (let index = 0; index < count; index++) {
    const one = envelope({ queue });
    await broker.publish([one]);
    equal(await broker.deadLetter(await claimOne(broker, { queues: [queue] }), "rejected"), true, "the death");
    ids.push(one.id);
    if (context.isManual) await context.clock.advance(1);
  }
  return ids;
}
