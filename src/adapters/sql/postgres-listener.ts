import type { Sql } from "postgres";
import type { Logger } from "../../contracts/logger.ts";
import { Ticker } from "../../async/ticker.ts";
import { withDeadline } from "../../time/sleep.ts";
import type { Signals, SignalSource } from "./signals.ts";

/** What a {@link PostgresListener} needs. */
export interface PostgresListenerOptions {
  /** The channel to listen on. */
  readonly channel: string;
  /** Makes a client of one connection that calls back on each notification, and when its connection is lost. */
  readonly connect: (handlers: ListenHandlers) => Sql;
  /** How long one attempt to connect may take. */
  readonly connectTimeoutMs: number;
  /** Told when listening fails and when it works again. */
  readonly logger: Logger;
}

/** What the listening connection calls. */
export interface ListenHandlers {
  /** A notification came. */
  readonly onnotify: (channel: string, payload: string) => void;
  /** The connection was lost. */
  readonly onclose: () => void;
}

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 5_000;

/**
 * Listens for the notifications of a database on a connection of its own, which it keeps alive: a lost one is opened again, and whoever
 * listens is told then that anything may have changed.
 *
 * The driver's own `listen` gives up for good when the first attempt to connect again fails, as it does while a server restarts.
 */
export class PostgresListener implements SignalSource {
  readonly #options: PostgresListenerOptions;
  readonly #signals: Signals;
  readonly #ticker: Ticker;
  #client: Sql | undefined;
  #first: Promise<void> | undefined;
  #retryMs = FIRST_RETRY_MS;
  #failing = false;
  // Whether it has listened before.
  #listened = false;

  constructor(signals: Signals, options: PostgresListenerOptions) {
    this.#signals = signals;
    this.#options = options;
    this.#ticker = new Ticker({
      name: "the listening connection",
      intervalMs: LONGEST_RETRY_MS,
      run: (signal) => this.#keepUp(signal),
      onError: (error) => options.logger.error("Cannot keep listening for notifications", { error }),
    });
  }

  /** Resolves when the connection listens, or the first attempt failed: then it is tried again in the background. */
  start(): Promise<void> {
    this.#first ??= new Promise((resolve) => {
      this.#settleFirst = resolve;
      this.#ticker.start();
    });
    return this.#first;
  }

  /** Whether its connection listens. */
  get isStarted(): boolean {
    return this.#client !== undefined;
  }

  /** Nothing: the next listener will come soon. */
  rest(): void {}

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    this.#settleFirst();
    await Promise.all([this.#ticker.stop(), client?.end({ timeout: 0 })]);
  }

  #settleFirst: () => void = () => {};

  /** Connects unless it is connected; says when to look again. */
  async #keepUp(signal: AbortSignal): Promise<number> {
    if (this.#client !== undefined) return Infinity;
    const { channel, connectTimeoutMs, logger } = this.#options;
    const client: Sql = this.#options.connect({
      onnotify: (from, payload) => {
        if (from === channel && client === this.#client) this.#signals.receive(payload);
      },
      onclose: () => this.#lost(client),
    });
    try {
      await withDeadline(client.unsafe(`listen "${channel.replaceAll('"', '""')}"`), connectTimeoutMs, { signal });
    } catch (error) {
      void client.end({ timeout: 0 });
      if (signal.aborted) return Infinity;
      if (!this.#failing) logger.warn("Cannot listen for notifications; waiting calls look from time to time instead", { error });
      this.#failing = true;
      this.#settleFirst();
      this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
      return this.#retryMs;
    }
    this.#client = client;
    this.#retryMs = FIRST_RETRY_MS;
    if (this.#failing) logger.info("Listening for notifications again");
    // What was written while nobody listened was not heard.
    if (this.#failing || this.#listened) this.#signals.receiveAnything();
    this.#failing = false;
    this.#listened = true;
    this.#settleFirst();
    return Infinity;
  }

  #lost(client: Sql): void {
    if (client !== this.#client) return;
    this.#client = undefined;
    void client.end({ timeout: 0 });
    this.#ticker.wake();
  }
}
