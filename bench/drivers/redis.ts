/** What ioredis alone can do: the floor of everything on Redis. Streams, plain keys, and the smallest script for a result and its acknowledgement. */

import { Redis } from "ioredis";
import { isPayload, type Payload } from "../measure.ts";
import type { Faces, LockSystem, Place, QueueSystem, ResultSystem } from "../systems.ts";
import { root } from "../../test/support/runtimes.ts";
import { floorWorker } from "./worker.ts";

const keptMs = 86_400_000;

// As little as a task can cost: its result is kept for a day, its entry is acknowledged and deleted, and all of that is one script a batch.
const FINISH = `
for at = 1, #ARGV, 2 do
  redis.call('SET', KEYS[1] .. ':' .. ARGV[at], ARGV[at + 1], 'PX', ${keptMs})
  redis.call('XACK', KEYS[1], 'workers', ARGV[at])
  redis.call('XDEL', KEYS[1], ARGV[at])
end`;
const UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/** What the driver can do. */
export const faces: Faces = { queue, results, locks, imports: () => ({ folder: root, names: ["ioredis"] }) };

async function queue({ url }: Place): Promise<QueueSystem> {
  const client = new Redis(url, { protocol: 2 });
  const sha = String(await client.script("LOAD", FINISH));
  await client.xgroup("CREATE", "floor", "workers", "0", "MKSTREAM");
  return {
    enqueue: (payload) => client.xadd("floor", "*", "body", JSON.stringify(payload)),
    enqueueMany: async (payloads) => {
      const pipeline = client.pipeline();
      for (const payload of payloads) pipeline.xadd("floor", "*", "body", JSON.stringify(payload));
      await pipeline.exec();
    },
    work: async (concurrency, run) => {
      const reader = client.duplicate();
      const read = ["GROUP", "workers", "one", "COUNT", String(concurrency), "BLOCK", "0", "STREAMS", "floor", ">"];
      return floorWorker({
        claim: async () => entriesIn(await reader.call("XREADGROUP", ...read)),
        run: ({ payload }) => run(payload),
        finish: async (entries, values) =>
          void await client.evalsha(sha, 1, "floor", ...entries.flatMap(({ id }, at) => [id, JSON.stringify(values[at] ?? null)])),
        close: () => reader.disconnect(),
      });
    },
    unfinished: () => client.xlen("floor"),
    close: async () => void await client.quit(),
  };
}

async function results({ url }: Place): Promise<ResultSystem> {
  const client = new Redis(url, { protocol: 2 });
  return {
    set: (key, value) => client.set(key, JSON.stringify(value), "PX", keptMs),
    get: async (key) => parse(await client.get(key)),
    getMany: async (keys) => (await client.mget(...keys)).map(parse),
    close: async () => void await client.quit(),
  };
}

async function locks({ url }: Place): Promise<LockSystem> {
  const client = new Redis(url, { protocol: 2 });
  const sha = String(await client.script("LOAD", UNLOCK));
  let owners = 0;
  return {
    acquire: async (key) => {
      const owner = String(++owners);
      const isHeld = await client.set(key, owner, "PX", 60_000, "NX") === "OK";
      return async () => isHeld && await client.evalsha(sha, 1, key, owner) === 1;
    },
    close: async () => void await client.quit(),
  };
}

function entriesIn(reply: unknown): { readonly id: string; readonly payload: Payload }[] {
  return listIn(listIn(listIn(reply)[0])[1]).map((entry) => {
    const [id, fields] = listIn(entry);
    const payload: unknown = JSON.parse(String(listIn(fields)[1]));
    if (!isPayload(payload)) throw new Error("Cannot count this run: an entry is not what was added");
    return { id: String(id), payload };
  });
}

function parse(text: string | null): unknown {
  return JSON.parse(text ?? "null");
}

function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
