import type { AcquireOptions } from "./semaphore.ts";
import { Semaphore } from "./semaphore.ts";

/** Lets one piece of work run at a time, in the order in which they were handed in. Not reentrant. */
export class Mutex {
  readonly #permit = new Semaphore(1);

  /** Whether something runs now. */
  get locked(): boolean {
    return this.#permit.held > 0;
  }

  /** How many pieces of work wait for their turn. */
  get waiting(): number {
    return this.#permit.waiting;
  }

  /**
   * Runs a function when its turn comes and gives what it gives; a failure does not hold up the next.
   *
   * A function that waits for another `run` of the same mutex waits forever.
   *
   * @throws What the function throws, or the signal's reason when it is aborted before the turn came.
   */
  run<T>(work: () => T | PromiseLike<T>, options: AcquireOptions = {}): Promise<T> {
    return this.#permit.run(work, options);
  }
}
