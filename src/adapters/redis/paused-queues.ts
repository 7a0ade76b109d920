import type { PausedQueue } from "../../contracts/broker.ts";
import type { PauseItem } from "../broker-requests.ts";
import type { RedisDatabase } from "./database.ts";
import { prefixOf } from "./keys.ts";
import { textsOf } from "./reply.ts";
import { script } from "./script.ts";

const PARTING = "\0";

/** The queues that hand out nothing: fields of one hash, `paused`. Every claim looks for its own. */
export class RedisPausedQueues {
  readonly #database: RedisDatabase;
  readonly #namespace: string;

  /** Makes the access; nothing is sent. */
  constructor(database: RedisDatabase, namespace: string) {
    this.#database = database;
    this.#namespace = namespace;
  }

  /** Pauses a queue; false when it was paused. */
  async pause({ queue, reason = "", by = "" }: PauseItem): Promise<boolean> {
    return await this.#database.run(PAUSE, this.#namespace, [queue, reason, by]) === 1;
  }

  /** Resumes a queue, and wakes those who wait for it; false when it was not paused. */
  async resume(queue: string): Promise<boolean> {
    return await this.#database.run(RESUME, this.#namespace, [queue]) === 1;
  }

  /** Gives the paused queues, in any order. */
  async list(): Promise<readonly PausedQueue[]> {
    const fields = textsOf(await this.#database.read("pausedQueues", "HGETALL", [`${prefixOf(this.#namespace)}paused`]));
    return fields.flatMap((queue, at) => at % 2 === 0 ? [toPausedQueue(queue, fields[at + 1] ?? "")] : []);
  }
}

function toPausedQueue(queue: string, packed: string): PausedQueue {
  const [pausedAt, reason = "", by = ""] = packed.split(PARTING);
  return { queue, ...(reason === "" ? {} : { reason }), ...(by === "" ? {} : { by }), pausedAt: Number(pausedAt) };
}

const PAUSE = script("pauseQueue", [`return call('HSETNX', ns .. 'paused', ARGV[1], pack({ text(now()), ARGV[2], ARGV[3] }))`]);

const RESUME = script("resumeQueue", [
  `
local resumed = call('HDEL', ns .. 'paused', ARGV[1])
if resumed == 1 then tell('q:' .. ARGV[1]) end
return resumed
`,
]);
