import type { MaybePromise } from "../../async/maybe-promise.ts";
import { uuidV7 } from "../../time/id.ts";
import type { RedisDatabase } from "./database.ts";
import { channelOf } from "./keys.ts";
import { CLAIMS } from "./lua/claims.ts";
import { ENVELOPES } from "./lua/envelopes.ts";
import { script } from "./script.ts";

/** What {@link WaitingClaims} need. */
export interface WaitingClaimsOptions {
  /** Where the server is. */
  readonly database: RedisDatabase;
  /** The namespace of the queues. */
  readonly namespace: string;
  /** Told of each queue that may have something. */
  readonly notify: (queue: string) => void;
}

/** What a claim tells the server: the name under which it waits, empty while it does not, and whether the server knows it, as `1` or nothing. */
export type WaiterArguments = readonly [waiter: string, isEntered: string];

/** A waiting claim of this process, which looks right behind what is sent for its queue. */
export interface Follower {
  /** The name under which it waits. */
  readonly id: string;
  /** Has it look. */
  look(): void;
}

/** A name under which one claim after the other waits for the same queues. */
interface Waiter {
  readonly id: string;
  readonly queues: readonly string[];
  readonly stopListening: () => void;
  /** Whether the server knows that it waits. */
  isEntered: boolean;
}

// Of lists of queues. A worker has one; one whose limits leave out some of its queues at times has a few.
const MOST_READY = 16;

/**
 * The claims of a broker that wait. The server knows them by a name each and wakes one for each task that comes, so that a hundred idle workers cost no
 * more than one. Of a lease that others took after its latest look a claim learns by its next look, at the latest after `pollMs`. A claim is known
 * here by its list of queues, which is its own.
 *
 * Subscribing takes a round trip, and a worker that is idle between two tasks would do it for each of them. So a name that was not given to the server, or
 * was woken, is kept with its subscriptions for the next claim of the same queues.
 */
export class WaitingClaims {
  readonly #options: WaitingClaimsOptions;
  readonly #waiters = new WeakMap<readonly string[], Waiter>();
  readonly #ready = new Map<string, Waiter>();
  readonly #entered = new Set<Waiter>();
  readonly #dueIn = new WeakMap<readonly string[], number>();
  #isClosed = false;

  /** Makes the list; nothing is sent. */
  constructor(options: WaitingClaimsOptions) {
    this.#options = options;
  }

  /** What a claim tells the server. */
  argumentsOf(queues: readonly string[]): WaiterArguments {
    const { id = "", isEntered = false } = this.#waiters.get(queues) ?? {};
    return [id, isEntered ? "1" : ""];
  }

  /** Whether a claim of these queues can begin to wait without a round trip. */
  beginAtOnce(queues: readonly string[]): boolean {
    return this.#ready.has(listKey(queues));
  }

  /** Hears of each queue that may have something, from when this resolves until the returned function is called. */
  begin(queues: readonly string[]): MaybePromise<() => void> {
    const key = listKey(queues);
    const ready = this.#ready.get(key);
    if (ready === undefined) return this.#newWaiter(queues).then((waiter) => this.#beginAs(waiter, queues));
    this.#ready.delete(key);
    return this.#beginAs(ready, queues);
  }

  /**
   * The claim of this process that waits for a queue. Its look may go out behind a task, on the same connection: it need not be woken, which saves a
   * message and half of the time until the task starts.
   */
  followerOf(queue: string): Follower | undefined {
    for (const { id, queues } of this.#entered) {
      if (queues.includes(queue)) return { id, look: () => this.#options.notify(queue) };
    }
    return undefined;
  }

  /** Keeps no subscription for later claims, from now on. */
  close(): void {
    this.#isClosed = true;
    for (const waiter of this.#ready.values()) waiter.stopListening();
    this.#ready.clear();
  }

  #beginAs(waiter: Waiter, queues: readonly string[]): () => void {
    this.#waiters.set(queues, waiter);
    return () => {
      this.#waiters.delete(queues);
      const key = listKey(queues);
      if (!waiter.isEntered && !this.#isClosed && !this.#ready.has(key) && this.#ready.size < MOST_READY) {
        this.#ready.set(key, waiter);
        return;
      }
      waiter.stopListening();
      this.#entered.delete(waiter);
      // Nobody waits for that; whoever is woken in vain until then is found to be gone.
      if (waiter.isEntered) this.#options.database.run(LEAVE, this.#options.namespace, [waiter.id, ...queues]).catch(() => {});
    };
  }

  #enter(waiter: Waiter, isEntered: boolean): void {
    waiter.isEntered = isEntered;
    if (isEntered) this.#entered.add(waiter);
    else this.#entered.delete(waiter);
  }

  async #newWaiter(queues: readonly string[]): Promise<Waiter> {
    const { database, namespace, notify } = this.#options;
    const id = uuidV7();
    const own = channelOf(namespace, `w:${id}`);
    const byChannel = new Map(queues.map((queue) => [channelOf(namespace, `q:${queue}`), queue]));
    const stopListening = await database.signals.listen([own, ...byChannel.keys()], (channel) => {
      for (const queue of channel === own ? queues : [byChannel.get(channel)]) if (queue !== undefined) notify(queue);
    });
    return { id, queues, stopListening, isEntered: false };
  }

  /** Takes what a claim answered: what it found, or in how many milliseconds something falls due, −1 when nothing will. */
  noted<T>(queues: readonly string[], answer: readonly T[] | number): readonly T[] {
    const waiter = this.#waiters.get(queues);
    const isEmpty = typeof answer === "number";
    if (waiter !== undefined) this.#enter(waiter, isEmpty);
    if (!isEmpty) return answer;
    this.#dueIn.set(queues, answer);
    return [];
  }

  /** In how many milliseconds to look again, as the latest look has told; `undefined` when nothing will fall due. */
  nextDueIn(queues: readonly string[]): number | undefined {
    const dueInMs = this.#dueIn.get(queues) ?? 0;
    return dueInMs < 0 ? undefined : dueInMs;
  }
}

function listKey(queues: readonly string[]): string {
  return queues.join("\0");
}

const LEAVE = script("claim.leave", [
  ENVELOPES,
  CLAIMS,
  `
local queues = {}
for at = 2, #ARGV do queues[at - 1] = ARGV[at] end
endWaiting(queues, openQueues(queues), ARGV[1])
return 0
`,
], { idempotent: true, evenWhenFull: true });
