/**
 * Stores in this process's memory: for tests, for programs of one process, and as the reference of what every store does.
 *
 * @module
 */

export { memory } from "./adapters/memory/adapter.ts";
export type { MemoryAdapterOptions } from "./adapters/memory/adapter.ts";
export { InMemoryBroker } from "./adapters/memory/broker.ts";
export type { InMemoryBrokerOptions } from "./adapters/memory/broker.ts";
export { MemoryDatabase } from "./adapters/memory/database.ts";
export { InMemoryRateLimiter } from "./adapters/memory/limiter.ts";
export type { InMemoryRateLimiterOptions } from "./adapters/memory/limiter.ts";
export { InMemoryLockStore } from "./adapters/memory/locks.ts";
export type { InMemoryLockStoreOptions } from "./adapters/memory/locks.ts";
export { InMemoryResultBackend } from "./adapters/memory/results.ts";
export type { InMemoryResultBackendOptions } from "./adapters/memory/results.ts";
export { InMemoryRevokeStore } from "./adapters/memory/revocations.ts";
export type { InMemoryRevokeStoreOptions } from "./adapters/memory/revocations.ts";
export { InMemoryScheduleStore } from "./adapters/memory/schedules.ts";
export type { InMemoryScheduleStoreOptions } from "./adapters/memory/schedules.ts";
