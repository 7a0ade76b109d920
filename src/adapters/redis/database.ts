import { ClosedError, StoreError } from "../../errors.ts";
import type { Clock } from "../../time/clock.ts";
import type { DatabaseHold } from "../database-hold.ts";
import { operationOf, wordsOf } from "../operation.ts";
import { repeatedCall } from "../repeated-call.ts";
import type { Failure } from "./failure.ts";
import { prefixOf } from "./keys.ts";
import type { Argument, LinkEvents, RedisLink } from "./link.ts";
import type { Script } from "./script.ts";
import { RedisSignals } from "./signals.ts";

/** One trip to the server, as {@link RedisDatabaseOptions.onTrip} is told. */
export interface RedisTrip {
  /** The name of the script or command. */
  readonly name: string;
  /** Which of the two it is. */
  readonly kind: "script" | "command";
}

/** How a {@link RedisDatabase} behaves. */
export interface RedisDatabaseOptions {
  /** Judges all times instead of the server's clock: for tests. @default the server's clock */
  readonly clock?: Clock | undefined;
  /** Told of each trip before it goes: for tests that count them. @default nobody */
  readonly onTrip?: ((trip: RedisTrip) => void) | undefined;
  /** How long a call that failed without effect is repeated, in milliseconds. @default 2,000 */
  readonly repeatForMs?: number | undefined;
}

/** How a store holds its database. */
export type RedisHold = DatabaseHold<RedisDatabase>;

/** A Redis database that stores carry out their scripts on. */
export class RedisDatabase {
  /** The adapter's name, for error messages. */
  readonly adapter = "redis";
  /** News of writes, from any process, by the channel that scripts publish to (see `keys.ts`). */
  readonly signals: RedisSignals;
  readonly #link: RedisLink;
  readonly #clock: Clock | undefined;
  readonly #onTrip: (trip: RedisTrip) => void;
  readonly #repeatForMs: number;
  #closing: Promise<void> | undefined;

  /** Takes over the connections that are opened with the given events: closing the database closes them. */
  constructor(open: (events: LinkEvents) => RedisLink, options: RedisDatabaseOptions = {}) {
    this.#link = open({ onMessage: (channel) => this.signals.receive(channel), onGap: () => this.signals.receiveAnything() });
    this.signals = new RedisSignals(this.#link);
    this.#clock = options.clock;
    this.#onTrip = options.onTrip ?? (() => {});
    this.#repeatForMs = options.repeatForMs ?? 2_000;
  }

  /**
   * Carries out a script on a namespace, and gives its reply: bulk strings as text, integers as numbers, what is absent as `null`, lists as
   * arrays of these. Again when it certainly had no effect, or may be repeated.
   *
   * @throws {StoreError} when the server refuses it, or cannot be reached within the deadline.
   */
  run(script: Script, namespace: string, args: readonly Argument[]): Promise<unknown> {
    const key = prefixOf(namespace);
    return this.#repeat({ name: script.name, kind: "script" }, script.idempotent, (whole) => {
      const time = this.givenNow;
      if (time === undefined) return this.#link.run({ text: script.text, key, args, whole });
      return this.#link.run({ text: script.textForGivenClock, key, args: [time, ...args], whole });
    });
  }

  /** The time of a clock that was given; `undefined` where the server's counts, which has then deleted all that has expired. */
  get givenNow(): number | undefined {
    return this.#clock === undefined ? undefined : Math.floor(this.#clock.now());
  }

  /** Sends one command that only reads; otherwise as {@link RedisDatabase.run}. Its keys belong to one namespace. */
  read(name: string, command: string, args: readonly Argument[]): Promise<unknown> {
    return this.#repeat({ name, kind: "command" }, true, () => this.#link.send(command, args));
  }

  /** Closes what was opened for it, after the calls under way. Later calls throw {@link ClosedError}; closing again does nothing. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.signals.close();
    await this.#link.close();
  }

  async #repeat(trip: RedisTrip, idempotent: boolean, work: (whole: boolean) => Promise<unknown>): Promise<unknown> {
    let whole = false;
    const call = async (): Promise<unknown> => {
      if (this.#closing !== undefined) throw new ClosedError(`Cannot ${wordsOf(operationOf(trip.name))}: the redis database was closed`);
      this.#onTrip(trip);
      try {
        return await work(whole);
      } catch (error) {
        if (whole || !this.#link.failure(error).isUnknownScript) throw error;
        whole = true;
        return call();
      }
    };
    const isWorthIt = (error: unknown): boolean => {
      if (error instanceof ClosedError) return false;
      const failure = this.#link.failure(error);
      return failure.retryable && (failure.untouched || idempotent);
    };
    try {
      return await repeatedCall(call, { forMs: this.#repeatForMs, isWorthIt });
    } catch (error) {
      throw error instanceof ClosedError ? error : this.#storeError(trip.name, this.#link.failure(error));
    }
  }

  #storeError(name: string, { reason, retryable, cause }: Failure): StoreError {
    const operation = operationOf(name);
    return new StoreError(`Cannot ${wordsOf(operation)}: ${reason}`, { adapter: this.adapter, operation, retryable, cause });
  }
}
