import type { Heartbeat, StoredHeartbeat } from "../../model/heartbeat.ts";
import type { HeartbeatWrite } from "../result-requests.ts";
import { readStored } from "../stored-json.ts";
import type { RedisDatabase } from "./database.ts";
import { listOf, numberOf, textOf } from "./reply.ts";
import { script } from "./script.ts";

/**
 * Which workers live.
 *
 * - `h`: a hash: of each worker when it was seen, until when that counts, and its heartbeat, parted by spaces. `hx`: the workers by that end.
 */
export class RedisHeartbeats {
  readonly #database: RedisDatabase;
  readonly #namespace: string;

  /** Makes the access; nothing is sent. */
  constructor(database: RedisDatabase, namespace: string) {
    this.#database = database;
    this.#namespace = namespace;
  }

  /** Stores a heartbeat in place of an earlier one. */
  async put({ workerId, text, ttlMs }: HeartbeatWrite): Promise<void> {
    await this.#database.run(PUT, this.#namespace, [workerId, text, ttlMs]);
  }

  /** Gives those that count. */
  async list(): Promise<readonly StoredHeartbeat[]> {
    return listOf(await this.#database.run(LIST, this.#namespace, [])).map((value) => {
      const [seenAt = "", expiresAt = ""] = textOf(value).split(" ", 2);
      const text = textOf(value).slice(seenAt.length + expiresAt.length + 2);
      return { ...readStored<Heartbeat>(text), seenAt: Number(seenAt), expiresAt: Number(expiresAt) };
    });
  }

  /** Deletes one; false when none counted. */
  async remove(workerId: string): Promise<boolean> {
    return numberOf(await this.#database.run(REMOVE, this.#namespace, [workerId])) === 1;
  }

  /** Deletes those that do not count any more, at most so many. */
  async sweep(limit: number): Promise<number> {
    return numberOf(await this.#database.run(SWEEP, this.#namespace, [limit]));
  }
}

const PUT = script("setHeartbeat", [`
local id, expiresAt = ARGV[1], text(now() + ARGV[3])
call('ZADD', ns .. 'hx', expiresAt, id)
call('HSET', ns .. 'h', id, text(now()) .. ' ' .. expiresAt .. ' ' .. ARGV[2])
`], { idempotent: true, evenWhenFull: true });

const LIST = script("listHeartbeats", [`
local ids, found = call('ZRANGE', ns .. 'hx', '(' .. text(now()), '+inf', 'BYSCORE'), {}
for _, value in ipairs(readEach(ids, function(...) return call('HMGET', ns .. 'h', ...) end)) do
  if value then found[#found + 1] = value end
end
return found
`], { idempotent: true });

const REMOVE = script("removeHeartbeat", [`
local expiresAt = tonumber(call('ZSCORE', ns .. 'hx', ARGV[1]) or 0)
call('ZREM', ns .. 'hx', ARGV[1])
call('HDEL', ns .. 'h', ARGV[1])
return expiresAt > now() and 1 or 0
`]);

const SWEEP = script("sweep.heartbeats", [`
local ids = call('ZRANGE', ns .. 'hx', '-inf', now(), 'BYSCORE', 'LIMIT', 0, ARGV[1])
if #ids > 0 then
  each('ZREM', ns .. 'hx', ids)
  each('HDEL', ns .. 'h', ids)
end
return #ids
`], { idempotent: true });
