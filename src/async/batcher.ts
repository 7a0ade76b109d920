import { ClosedError, ConfigError, StemError } from "../errors.ts";
import type { Deferred } from "./deferred.ts";
import { deferred } from "./deferred.ts";

/** What a {@link Batcher} does with its batches. */
export interface BatcherOptions<I, O> {
  /** Does the work of a batch; gives one result per item, in the same order. */
  readonly run: (items: readonly I[]) => Promise<readonly O[]>;
  /** The most items in one batch. */
  readonly maxItems: number;
  /** The most that one batch may weigh, as `sizeOf` counts; an item that is heavier alone goes alone. @default no limit */
  readonly maxBytes?: number | undefined;
  /** How much an item weighs; needed with `maxBytes`. */
  readonly sizeOf?: ((item: I) => number) | undefined;
  /** How many batches may be under way at once. @default 1 */
  readonly concurrency?: number | undefined;
  /** Whether many calls that wait are shared out evenly among the batches that may be under way at once. @default false: each takes all it can */
  readonly shareOut?: boolean | undefined;
  /** Whether the calls of a batch that was refused are run one by one, so that a bad one fails alone. @default true */
  readonly splitOnFailure?: boolean | undefined;
  /** What the batcher is for; errors name it. @default "batcher" */
  readonly name?: string | undefined;
}

// Fewer than these cost less in one batch than in two at the same time.
const FEWEST_TO_SHARE = 32;

/** What one `add` handed in, or a piece of one `addMany`: it stays together in one batch. */
interface Call<I, O> {
  readonly items: readonly I[];
  readonly bytes: number;
  readonly resolve: (results: readonly O[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: calls made while a batch is under way join the next one.
 *
 * Under light load every call goes out at once and alone; under heavy load batches grow by themselves to what one round trip carries.
 * No timer is involved. Batches start in the order of the calls.
 *
 * When a batch of several calls fails with an error of the library that repeating cannot cure, each call is run again by itself, in order:
 * `run` must leave nothing behind when it rejects so. Other failures reject every call of the batch.
 *
 * @example
 * ```ts
 * import { Batcher } from "./batcher.ts";
 *
 * const doubler = new Batcher<number, number>({ maxItems: 100, run: async (items) => items.map((item) => item * 2) });
 * await Promise.all([doubler.add(1), doubler.add(2)]); // one run gives [2, 4]
 * await doubler.close();
 * ```
 */
export class Batcher<I, O> {
  readonly #run: (items: readonly I[]) => Promise<readonly O[]>;
  readonly #sizeOf: (item: I) => number;
  readonly #maxItems: number;
  readonly #maxBytes: number;
  readonly #concurrency: number;
  readonly #shareOut: boolean;
  readonly #splitOnFailure: boolean;
  readonly #name: string;
  #queue: Call<I, O>[] = [];
  // Calls before this index have left; cutting them off one batch at a time would make long queues quadratic.
  #head = 0;
  #running = 0;
  #dispatchAsked = false;
  #closed = false;
  #whenEmpty: Deferred<void> | undefined;

  /**
   * Makes a batcher; nothing runs before the first `add`.
   *
   * @throws {ConfigError} When a limit is not a whole number of at least 1, or `maxBytes` comes without `sizeOf`.
   */
  constructor(options: BatcherOptions<I, O>) {
    this.#name = options.name ?? "batcher";
    this.#run = options.run;
    this.#maxItems = this.#requireCount("maxItems", options.maxItems);
    this.#concurrency = this.#requireCount("concurrency", options.concurrency ?? 1);
    this.#shareOut = options.shareOut ?? false;
    this.#splitOnFailure = options.splitOnFailure ?? true;
    if (options.maxBytes === undefined) {
      this.#maxBytes = Infinity;
      this.#sizeOf = () => 0;
    } else {
      this.#maxBytes = this.#requireCount("maxBytes", options.maxBytes);
      if (options.sizeOf === undefined) throw new ConfigError(`Cannot make ${this.#name}: maxBytes needs sizeOf`);
      this.#sizeOf = options.sizeOf;
    }
  }

  /** How many items wait for a batch; those under way are not counted. */
  get queued(): number {
    let count = 0;
    for (let index = this.#head; index < this.#queue.length; index++) count += this.#queue[index]?.items.length ?? 0;
    return count;
  }

  /**
   * Hands in an item and gives its result.
   *
   * @throws {ClosedError} After `close`.
   * @throws What `run` rejected with.
   */
  add(item: I): Promise<O> {
    return new Promise((resolve, reject) => {
      this.#enqueue({
        items: [item],
        bytes: this.#sizeOf(item),
        resolve: (results) => {
          for (const result of results) resolve(result);
        },
        reject,
      });
    });
  }

  /**
   * Hands in items that belong together and gives their results in order. They share a batch when they fit into one;
   * more than that go in pieces, each of which may fail by itself. No items give no results, and no run.
   *
   * @throws {ClosedError} After `close`.
   * @throws What `run` rejected with for any of the pieces.
   */
  async addMany(items: readonly I[]): Promise<O[]> {
    this.#requireOpen();
    const pieces = this.#pieces(items).map(([piece, bytes]) =>
      new Promise<readonly O[]>((resolve, reject) => this.#enqueue({ items: piece, bytes, resolve, reject }))
    );
    const results: O[] = [];
    for (const piece of await Promise.all(pieces)) {
      for (const result of piece) results.push(result);
    }
    return results;
  }

  /** Resolves once nothing waits and nothing is under way. Failures are the callers', not told here. */
  flush(): Promise<void> {
    if (this.#isEmpty()) return Promise.resolve();
    this.#whenEmpty ??= deferred();
    return this.#whenEmpty.promise;
  }

  /** Takes no more items, and resolves once those handed in are done. */
  close(): Promise<void> {
    this.#closed = true;
    return this.flush();
  }

  #enqueue(call: Call<I, O>): void {
    this.#requireOpen();
    this.#queue.push(call);
    this.#askDispatch();
  }

  #askDispatch(): void {
    if (this.#dispatchAsked || this.#running >= this.#concurrency) return;
    this.#dispatchAsked = true;
    // A microtask later, so that calls made in one go share a batch, as do callers who come straight back with their next item.
    queueMicrotask(() => {
      this.#dispatchAsked = false;
      while (this.#running < this.#concurrency && this.#head < this.#queue.length) void this.#process(this.#takeBatch());
    });
  }

  #takeBatch(): Call<I, O>[] {
    const batch: Call<I, O>[] = [];
    const calls = this.#fairShare();
    let count = 0;
    let bytes = 0;
    for (let call = this.#queue[this.#head]; call !== undefined; call = this.#queue[this.#head]) {
      count += call.items.length;
      bytes += call.bytes;
      if (batch.length > 0 && (count > this.#maxItems || bytes > this.#maxBytes || batch.length === calls)) break;
      batch.push(call);
      this.#head += 1;
    }
    if (this.#head * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return batch;
  }

  /** How many calls the next batch may take: where several can be under way, many that wait are shared out, so that none of these stays idle. */
  #fairShare(): number {
    const free = this.#concurrency - this.#running;
    const waiting = this.#queue.length - this.#head;
    return this.#shareOut && free > 1 && waiting >= FEWEST_TO_SHARE ? Math.ceil(waiting / free) : waiting;
  }

  /** Never rejects: every outcome goes to the calls. */
  async #process(batch: readonly Call<I, O>[]): Promise<void> {
    this.#running += 1;
    try {
      await this.#runBatch(batch);
    } catch (error) {
      if (batch.length > 1 && this.#splitOnFailure && StemError.is(error) && !error.retryable) await this.#runSingly(batch);
      else for (const call of batch) call.reject(error);
    } finally {
      this.#running -= 1;
    }
    this.#askDispatch();
    if (!this.#isEmpty()) return;
    this.#whenEmpty?.resolve();
    this.#whenEmpty = undefined;
  }

  async #runBatch(batch: readonly Call<I, O>[]): Promise<void> {
    const items = batch.flatMap((call) => call.items);
    const results = await this.#run(items);
    if (results.length !== items.length) {
      // The work is done, so it must not be run again: this goes to the calls from here.
      const error = new ConfigError(`Cannot answer ${items.length} items of ${this.#name}: run gave ${results.length} results`);
      for (const call of batch) call.reject(error);
      return;
    }
    let at = 0;
    for (const call of batch) call.resolve(results.slice(at, at += call.items.length));
  }

  async #runSingly(batch: readonly Call<I, O>[]): Promise<void> {
    for (const call of batch) {
      try {
        await this.#runBatch([call]);
      } catch (error) {
        call.reject(error);
      }
    }
  }

  #pieces(items: readonly I[]): [items: I[], bytes: number][] {
    const pieces: [items: I[], bytes: number][] = [];
    let piece: I[] = [];
    let bytes = 0;
    for (const item of items) {
      const size = this.#sizeOf(item);
      if (piece.length === this.#maxItems || (piece.length > 0 && bytes + size > this.#maxBytes)) {
        pieces.push([piece, bytes]);
        piece = [];
        bytes = 0;
      }
      piece.push(item);
      bytes += size;
    }
    if (piece.length > 0) pieces.push([piece, bytes]);
    return pieces;
  }

  #isEmpty(): boolean {
    return this.#running === 0 && this.#head === this.#queue.length;
  }

  #requireOpen(): void {
    if (this.#closed) throw new ClosedError(`Cannot add to ${this.#name}: it is closed`);
  }

  #requireCount(option: string, value: number): number {
    if (Number.isSafeInteger(value) && value >= 1) return value;
    throw new ConfigError(`Cannot make ${this.#name} with ${option} ${value}: expected a whole number of at least 1`);
  }
}
