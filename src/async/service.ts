import { ClosedError } from "../errors.ts";
import { deferred } from "./deferred.ts";
import type { MaybePromise } from "./maybe-promise.ts";
import { reportError } from "./report-error.ts";

/** Where a {@link Service} is in its life; it only ever moves to the right, and may leave states out. */
export type ServiceState = "idle" | "starting" | "running" | "stopping" | "stopped";

/** What a {@link Service} does when it starts and stops. */
export interface ServiceOptions {
  /** What is started, as errors name it: `worker "w1"`. */
  readonly name: string;
  /** Brings it up. The signal is aborted as soon as a stop is asked for, also later while it runs. Called at most once. */
  readonly start: (signal: AbortSignal) => MaybePromise<void>;
  /**
   * Takes it down, with the reason that was given to `stop`. Called at most once, only after `start` was called and has settled.
   * When `start` failed, this cleans up what it left half done, and the reason is its error.
   */
  readonly stop: (reason: unknown) => MaybePromise<void>;
  /** Gets the error of a clean-up after a failed start, when nobody waits for the stop. @default uncaught */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * The start and stop of everything that lives long. Any number of calls at any time, in any order, start once and stop once.
 *
 * ```text
 * idle → starting → running → stopping → stopped
 * ```
 *
 * A stop before the start goes straight to `stopped`; a stop during the start waits for it, then stops; a failed start cleans up and ends
 * in `stopped`. There is no way back. Neither function may wait for `start()` or `stop()` of its own service.
 *
 * @example
 * ```ts
 * import { Service } from "./service.ts";
 *
 * const service = new Service({ name: "demo", start: () => console.log("up"), stop: () => console.log("down") });
 * await Promise.all([service.start(), service.start()]); // up, once
 * await service.stop(); // down
 * ```
 */
export class Service {
  /** Resolves when the service is stopped, however that came about; never rejects. */
  readonly whenStopped: Promise<void>;

  readonly #options: ServiceOptions;
  readonly #controller = new AbortController();
  readonly #setStopped: () => void;
  #state: ServiceState = "idle";
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #takenDown: Promise<void> | undefined;
  #startError: unknown;

  /** Makes a service; nothing runs before `start`. */
  constructor(options: ServiceOptions) {
    const stopped = deferred<void>();
    this.whenStopped = stopped.promise;
    this.#setStopped = stopped.resolve;
    this.#options = options;
  }

  /** Where it is in its life. */
  get state(): ServiceState {
    return this.#state;
  }

  /** Aborted as soon as a stop is asked for or the start has failed; the reason is a `ClosedError`. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Starts it, or joins the start under way; at once when it runs. Resolves when the start is done, also when a stop was asked for meanwhile.
   *
   * @throws What the start threw; everybody who joined gets the same.
   * @throws {ClosedError} When a stop was asked for before this call, or an earlier start has failed (its error is the cause).
   */
  start(): Promise<void> {
    if (this.signal.aborted) return Promise.reject(this.#closedError(`Cannot start ${this.#options.name}`));
    if (this.#starting === undefined) {
      this.#state = "starting";
      // Not called directly, so that a start function that calls `start` itself finds the start under way.
      this.#starting = Promise.resolve().then(() => this.#bringUp());
    }
    return this.#starting;
  }

  /**
   * Stops it, or joins the stop under way; at once when it never ran. The first caller's reason counts.
   *
   * @throws What the stop threw; everybody who joined gets the same. It is stopped all the same.
   */
  stop(reason?: unknown): Promise<void> {
    if (this.#stopping === undefined) {
      if (this.#state === "running") this.#state = "stopping";
      this.#stopping = this.#stopAfterStart(reason);
      this.#abort();
    }
    return this.#stopping;
  }

  /**
   * Does nothing until a stop is asked for; lets a method say `this.#service.requireOpen("publish")`.
   *
   * @throws {ClosedError} Once a stop was asked for, or the start has failed.
   */
  requireOpen(action: string): void {
    if (this.signal.aborted) throw this.#closedError(`Cannot ${action}`);
  }

  async #bringUp(): Promise<void> {
    try {
      await this.#options.start(this.signal);
    } catch (error) {
      this.#startError = error;
      this.#abort();
      try {
        await this.#takeDown(error);
      } catch (cleanUpError) {
        // Whoever asked for a stop gets it from there.
        if (this.#stopping === undefined) reportError(cleanUpError, this.#options.onError);
      }
      throw error;
    }
    this.#state = this.#stopping === undefined ? "running" : "stopping";
  }

  async #stopAfterStart(reason: unknown): Promise<void> {
    if (this.#starting === undefined) {
      this.#state = "stopped";
      this.#setStopped();
      return;
    }
    // The start's own error goes to those who asked for the start.
    await this.#starting.catch(() => undefined);
    await this.#takeDown(reason);
  }

  #takeDown(reason: unknown): Promise<void> {
    this.#takenDown ??= this.#takeDownOnce(reason);
    return this.#takenDown;
  }

  async #takeDownOnce(reason: unknown): Promise<void> {
    this.#state = "stopping";
    try {
      await this.#options.stop(reason);
    } finally {
      this.#state = "stopped";
      this.#setStopped();
    }
  }

  #abort(): void {
    this.#controller.abort(this.#closedError(`Cannot go on with ${this.#options.name}`));
  }

  #closedError(failed: string): ClosedError {
    return this.#startError === undefined
      ? new ClosedError(`${failed}: ${this.#options.name} is closed`)
      : new ClosedError(`${failed}: ${this.#options.name} failed to start`, { cause: this.#startError });
  }
}
