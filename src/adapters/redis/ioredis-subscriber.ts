import type { Redis } from "ioredis";
import type { Logger } from "../../contracts/logger.ts";
import { withDeadline } from "../../time/sleep.ts";
import { redisFailure } from "./failure.ts";
import { hangUp } from "./ioredis-client.ts";
import type { LinkEvents } from "./link.ts";
import type { RedisNode } from "./redis-url.ts";

/** What an {@link IoredisSubscriber} needs. */
export interface IoredisSubscriberOptions extends LinkEvents {
  /** How long subscribing is waited for. */
  readonly commandTimeoutMs: number;
  /** Where is told that the server refuses to tell. */
  readonly logger: Logger;
  /** Where to connect next, when the connection was lost. @default to the same server */
  readonly nextNode?: (() => RedisNode | undefined) | undefined;
}

// A command's arguments are spread over the stack.
const MOST_AT_ONCE = 1_000;

/**
 * Hears channels on a connection of its own, which is made anew for ever. It subscribes to what is wanted whenever it is connected, because the
 * driver forgets subscriptions where the server refused them for a while, as when a password was changed.
 */
export class IoredisSubscriber {
  readonly #connection: Redis;
  readonly #options: IoredisSubscriberOptions;
  readonly #wanted = new Set<string>();
  #isClosed = false;
  #wasRefused = false;

  /** Takes over a connection that was made with `subscriberSettings` and is connected. */
  constructor(connection: Redis, options: IoredisSubscriberOptions) {
    this.#connection = connection;
    this.#options = options;
    connection.on("error", () => {});
    connection.on("message", (channel: string) => options.onMessage(channel));
    connection.on("ready", () => void this.#catchUp());
    connection.on("close", () => this.#moveOn());
  }

  /** Hears channels from when this resolves, or once the server is back. */
  async subscribe(channels: readonly string[]): Promise<void> {
    for (const channel of channels) this.#wanted.add(channel);
    await this.#subscribeNow(channels);
  }

  /** Hears them no more. */
  async unsubscribe(channels: readonly string[]): Promise<void> {
    for (const channel of channels) this.#wanted.delete(channel);
    if (this.#isClosed || this.#connection.status !== "ready") return;
    // All of them at once: somebody who subscribes again meanwhile comes behind them.
    await Promise.all(portions(channels).map((some) => this.#connection.unsubscribe(...some).catch(() => {})));
  }

  /** Makes sure that the connection still works: one that does not answer is made anew. */
  probe(): void {
    if (this.#connection.status === "ready") this.#connection.ping().catch(() => {});
  }

  /** Closes the connection. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wanted.clear();
    await hangUp(this.#connection, this.#options.commandTimeoutMs);
  }

  async #catchUp(): Promise<void> {
    await this.#subscribeNow([...this.#wanted]);
    if (!this.#isClosed) this.#options.onGap();
  }

  async #subscribeNow(channels: readonly string[]): Promise<void> {
    if (this.#isClosed || this.#connection.status !== "ready") return;
    try {
      const sent = portions(channels).map((some) => this.#connection.subscribe(...some));
      await withDeadline(Promise.all(sent), this.#options.commandTimeoutMs);
    } catch (error) {
      // Whatever the connection could not do is done on the next one.
      if (error instanceof Error && error.name === "ReplyError") this.#refused(error);
    }
  }

  #refused(error: Error): void {
    if (this.#wasRefused) return;
    this.#wasRefused = true;
    const { reason } = redisFailure(error);
    this.#options.logger.warn("Redis tells nothing of changes, so that waits only look from time to time", { reason });
  }

  #moveOn(): void {
    const node = this.#options.nextNode?.();
    // The driver reads them when it connects the next time.
    if (node !== undefined) Object.assign(this.#connection.options, node);
  }
}

function portions(channels: readonly string[]): readonly (readonly string[])[] {
  const count = Math.ceil(channels.length / MOST_AT_ONCE);
  return Array.from({ length: count }, (_, at) => channels.slice(at * MOST_AT_ONCE, (at + 1) * MOST_AT_ONCE));
}
