import type { Adapter, AdapterSupport } from "../../contracts/adapter.ts";
import { holding } from "../database-hold.ts";
import type { RedisBrokerOptions } from "./broker.ts";
import { RedisStreamsBroker } from "./broker.ts";
import type { RedisDatabase } from "./database.ts";
import type { RedisRateLimiterOptions } from "./limiter.ts";
import { RedisRateLimiter } from "./limiter.ts";
import type { RedisLockStoreOptions } from "./locks.ts";
import { RedisLockStore } from "./locks.ts";
import type { RedisOpenOptions, RedisUse } from "./open.ts";
import { openRedis, useRedis } from "./open.ts";
import type { RedisResultBackendOptions } from "./results.ts";
import { RedisResultBackend } from "./results.ts";
import type { RedisRevokeStoreOptions } from "./revocations.ts";
import { RedisRevokeStore } from "./revocations.ts";
import type { RedisScheduleStoreOptions } from "./schedules.ts";
import { RedisScheduleStore } from "./schedules.ts";

/** Options of the stores of one Redis adapter. */
export type RedisStoreOptions =
  & RedisBrokerOptions
  & RedisResultBackendOptions
  & RedisLockStoreOptions
  & RedisRevokeStoreOptions
  & RedisScheduleStoreOptions
  & RedisRateLimiterOptions;

/** Options of {@link redis}: how to connect, and those of each store. */
export type RedisAdapterOptions = RedisOpenOptions & RedisStoreOptions;

/** What the Redis stores can and cannot do. */
const support: AdapterSupport = Object.freeze({
  name: "redis",
  durable: true,
  notifications: "push",
  transactions: false,
  shared: true,
  timeResolutionMs: 1,
});

/**
 * Connects to all stores of a Redis or Valkey database.
 *
 * @throws {ConfigError} when the URL or an option cannot be used, or the server is too old.
 * @throws {StoreError} when the server cannot be reached within the deadline.
 *
 * @example
 * ```ts no-run
 * import { Stem } from "@stem/stem";
 * import { redis } from "@stem/stem/redis";
 *
 * const adapter = await redis("redis://localhost:6379/0");
 * const stem = new Stem({ broker: adapter.broker, backend: adapter.results });
 * await stem.enqueue("demo", { args: {} });
 * await adapter.close();
 * ```
 */
export async function redis(url: string, options: RedisAdapterOptions = {}): Promise<Adapter> {
  return redisAdapter(await openRedis(url, options), options);
}

/** Makes all stores on the server of the caller's own ioredis client, with connections of their own; the client stays the caller's to close. */
export async function redisFromClient(client: object, options: RedisUse & RedisStoreOptions = {}): Promise<Adapter> {
  return redisAdapter(await useRedis(client, options), options);
}

function redisAdapter(database: RedisDatabase, options: RedisStoreOptions): Promise<Adapter> {
  return holding(database, 6, (hold) => {
    const stores = {
      broker: new RedisStreamsBroker(hold, options),
      results: new RedisResultBackend(hold, options),
      locks: new RedisLockStore(hold, options),
      revocations: new RedisRevokeStore(hold, options),
      schedules: new RedisScheduleStore(hold, options),
      limiter: new RedisRateLimiter(hold, options),
    };
    const close = async (): Promise<void> => {
      await Promise.all(Object.values(stores).map((store) => store.close()));
    };
    return Object.freeze({ supports: support, ...stores, close, [Symbol.asyncDispose]: close });
  });
}
