import { ConflictError } from "../errors.ts";
import type { Lock } from "../contracts/lock-store.ts";
import { show } from "../model/id.ts";
import type { Clock } from "../time/clock.ts";
import type { Duration } from "../time/duration.ts";
import type { LockRef } from "./lock-requests.ts";

/** What a held lock does through its store. */
export interface LockKeeper {
  /** Renews the lock; false when it is lost. */
  renew(lock: HeldLock, ttl: Duration): Promise<boolean>;
  /** Gives the lock back; false when it was lost before. */
  release(lock: HeldLock): Promise<boolean>;
  /** Told when the lock begins or ceases to have a timer. */
  timed(lock: HeldLock, hasTimer: boolean): void;
  /** Measures the lock's time. */
  readonly clock: Clock;
}

/** What a lock was acquired with. */
export interface HeldLockOptions {
  /** Its name in the store. */
  readonly ref: LockRef;
  /** When it ends, by the store's clock. */
  readonly expiresAt: number;
  /** For how long it was acquired. */
  readonly ttlMs: number;
  /** When the call began that acquired it, by the keeper's monotonic clock. */
  readonly askedAtMs: number;
}

/**
 * A lock in the hands of this process. It counts its time on the monotonic clock and from before each call, so that it is over here no later
 * than in the store, whatever became of the clocks, the answer or the process in between.
 *
 * The signal is made when somebody asks for it: only then is there a timer.
 */
export class HeldLock implements Lock {
  /** What is locked. */
  readonly key: string;
  /** Who holds it. */
  readonly owner: string;
  /** The fencing token. */
  readonly token: number;
  readonly #keeper: LockKeeper;
  readonly #ttlMs: number;
  #expiresAt: number;
  #endsAtMs: number;
  #state: "held" | "released" | "lost" = "held";
  #controller: AbortController | undefined;
  #cancelTimer: (() => void) | undefined;

  /** Takes hold of a lock that the store has given. */
  constructor(keeper: LockKeeper, { ref, expiresAt, ttlMs, askedAtMs }: HeldLockOptions) {
    this.#keeper = keeper;
    this.key = ref.key;
    this.owner = ref.owner;
    this.token = ref.token;
    this.#ttlMs = ttlMs;
    this.#expiresAt = expiresAt;
    this.#endsAtMs = askedAtMs + ttlMs;
  }

  /** When it ends unless it is renewed before, by the store's clock. */
  get expiresAt(): number {
    return this.#expiresAt;
  }

  /** Aborts when the lock is lost, at the latest when its time ends; not on release. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#state === "lost") this.#abort();
    else if (this.#state === "held" && this.#cancelTimer === undefined && !this.#endsNow()) this.#arm();
    return this.#controller.signal;
  }

  /** Holds it for `ttl` (the acquired one by default) from now. False when it is lost. */
  async renew(ttl: Duration = this.#ttlMs): Promise<boolean> {
    return this.#isHeld() && await this.#keeper.renew(this, ttl);
  }

  /** Gives it back. False when it was lost before. */
  async release(): Promise<boolean> {
    return this.#isHeld() && await this.#keeper.release(this);
  }

  /** Takes note that the store is asked to hold it for a time from now, which may be shorter than before. */
  renewing(ttlMs: number, askedAtMs: number): void {
    this.#moveEnd(Math.min(this.#endsAtMs, askedAtMs + ttlMs));
  }

  /** Takes note of the store's answer: the new end, or `undefined` when the lock is lost. */
  renewed(expiresAt: number | undefined, ttlMs: number, askedAtMs: number): void {
    if (expiresAt === undefined) return this.lose("it has ended, and another may hold it now");
    this.#expiresAt = expiresAt;
    this.#moveEnd(askedAtMs + ttlMs);
  }

  /** Takes note of the store's answer to a release. */
  released(wasHeld: boolean): void {
    if (!wasHeld) return this.lose("it had ended before it was released");
    if (this.#state === "held") this.#state = "released";
    this.#disarm();
  }

  /** Takes note that it is held no more. */
  lose(why: string): void {
    if (this.#state !== "held") return;
    this.#state = "lost";
    this.#disarm();
    this.#abort(why);
  }

  #isHeld(): boolean {
    return this.#state === "held" && !this.#endsNow();
  }

  #endsNow(): boolean {
    if (this.#keeper.clock.monotonic() < this.#endsAtMs) return false;
    this.lose("its time has ended");
    return true;
  }

  #moveEnd(endsAtMs: number): void {
    this.#endsAtMs = endsAtMs;
    if (this.#cancelTimer === undefined) return;
    this.#disarm();
    if (this.#state === "held") this.#arm();
  }

  #arm(): void {
    const { clock } = this.#keeper;
    this.#cancelTimer = clock.timer(this.#endsAtMs - clock.monotonic(), () => {
      this.#cancelTimer = undefined;
      this.#keeper.timed(this, false);
      this.lose("its time has ended");
    });
    this.#keeper.timed(this, true);
  }

  #disarm(): void {
    if (this.#cancelTimer === undefined) return;
    this.#cancelTimer();
    this.#cancelTimer = undefined;
    this.#keeper.timed(this, false);
  }

  #abort(why = "it was lost"): void {
    this.#controller?.abort(new ConflictError(`Cannot go on with lock ${show(this.key)} as owner ${show(this.owner)}: ${why}`));
  }
}
