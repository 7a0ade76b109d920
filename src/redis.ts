/**
 * Stores in a Redis or Valkey database. Needs the package `ioredis`.
 *
 * @module
 */

export { redis, redisFromClient } from "./adapters/redis/adapter.ts";
export { RedisStreamsBroker } from "./adapters/redis/broker.ts";
export { RedisRateLimiter } from "./adapters/redis/limiter.ts";
export { RedisLockStore } from "./adapters/redis/locks.ts";
export { RedisResultBackend } from "./adapters/redis/results.ts";
export { RedisRevokeStore } from "./adapters/redis/revocations.ts";
export { RedisScheduleStore } from "./adapters/redis/schedules.ts";
export type { RedisAdapterOptions, RedisStoreOptions } from "./adapters/redis/adapter.ts";
export type { RedisBrokerOptions } from "./adapters/redis/broker.ts";
export type { RedisTrip } from "./adapters/redis/database.ts";
export type { RedisRateLimiterOptions } from "./adapters/redis/limiter.ts";
export type { RedisLockStoreOptions } from "./adapters/redis/locks.ts";
export type { RedisOpenOptions, RedisSentinelOptions, RedisTlsOptions, RedisUse } from "./adapters/redis/open.ts";
export type { RedisResultBackendOptions } from "./adapters/redis/results.ts";
export type { RedisRevokeStoreOptions } from "./adapters/redis/revocations.ts";
export type { RedisScheduleStoreOptions } from "./adapters/redis/schedules.ts";
export type { GroupCommitOptions } from "./adapters/call-group.ts";
