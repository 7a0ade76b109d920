import { Ticker } from "../../async/ticker.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { Clock } from "../../time/clock.ts";
import { startLooking } from "../looking.ts";
import type { RedisDatabase } from "./database.ts";
import { channelOf, prefixOf } from "./keys.ts";
import { listOf, textOf, textsOf } from "./reply.ts";
import { script } from "./script.ts";

/** How long a message is kept for subscribers that were cut off for a moment. */
const KEPT_MS = 60_000;

const READ_AT_ONCE = 1_000;

// Below the id of any entry.
const NO_ENTRY = "0-0";

/** What {@link RedisBroadcasts} are made of. */
export interface RedisBroadcastsOptions {
  /** Where the messages are. */
  readonly database: RedisDatabase;
  /** The namespace of all keys. */
  readonly namespace: string;
  /** Times the looks. */
  readonly clock: Clock;
  /** Is told of looks that failed. */
  readonly logger: Logger;
  /** How often to look for messages whose signal was lost. */
  readonly pollMs: number;
}

/** Messages to every subscriber: a stream per channel, which subscribers read on from where they were. */
export class RedisBroadcasts {
  readonly #options: RedisBroadcastsOptions;

  /** Makes the store; nothing is sent. */
  constructor(options: RedisBroadcastsOptions) {
    this.#options = options;
  }

  /** Sends a message to those who listen. */
  async send(channel: string, text: string): Promise<void> {
    const { database, namespace } = this.#options;
    await database.run(BROADCAST, namespace, [channel, text, KEPT_MS]);
  }

  /** Calls back with each message that is sent after the promise resolved, until the returned function is called. */
  async listen(channel: string, heard: (text: string, sentAt: number) => void): Promise<() => void> {
    const { database, namespace, clock, logger, pollMs } = this.#options;
    const key = `${prefixOf(namespace)}b:${channel}`;
    let last = NO_ENTRY;
    const latest = async (): Promise<string> => {
      const [entry] = listOf(await database.read("subscribe.read", "XREVRANGE", [key, "+", "-", "COUNT", 1]));
      return entry === undefined ? NO_ENTRY : textOf(listOf(entry)[0]);
    };
    const read = async (): Promise<void> => {
      for (;;) {
        const entries = listOf(await database.read("subscribe.read", "XRANGE", [key, `(${last}`, "+", "COUNT", READ_AT_ONCE]));
        for (const entry of entries) {
          const [id, fields] = listOf(entry);
          const [, text = "", , sentAt] = textsOf(fields);
          last = textOf(id);
          heard(text, Number(sentAt));
        }
        if (entries.length === READ_AT_ONCE) continue;
        // A stream that has expired begins anew, and where the server's clock was set back meanwhile, below the old one.
        if (entries.length > 0 || last === NO_ENTRY || !isBelow(await latest(), last)) return;
        last = NO_ENTRY;
      }
    };
    const ticker = new Ticker({
      name: `broadcasts of channel "${channel}"`,
      intervalMs: pollMs,
      firstDelayMs: pollMs,
      clock,
      run: read,
      onError: (error) => logger.warn("Cannot read broadcasts; looking again soon", { channel, error }),
    });
    return startLooking(ticker, {
      listen: () => database.signals.listen([channelOf(namespace, `b:${channel}`)], () => ticker.wake()),
      first: async () => {
        last = await latest();
      },
    });
  }
}

function isBelow(id: string, other: string): boolean {
  const [ms = 0, count = 0] = id.split("-").map(Number);
  const [otherMs = 0, otherCount = 0] = other.split("-").map(Number);
  return ms < otherMs || (ms === otherMs && count < otherCount);
}

// Its entries' ids begin with the server's time, whatever clock was given: that is what they are trimmed by.
const BROADCAST = script("broadcast", [
  `
local key, keptMs = ns .. 'b:' .. ARGV[1], tonumber(ARGV[3])
call('XADD', key, 'MINID', '~', text(serverTime() - keptMs), '*', 'text', ARGV[2], 'sentAt', text(now()))
call('PEXPIREAT', key, pxat(now() + keptMs))
tell('b:' .. ARGV[1])
return 0
`,
]);
