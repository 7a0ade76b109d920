import type { Adapter, AdapterSupport } from "../../contracts/adapter.ts";
import type { InMemoryBrokerOptions } from "./broker.ts";
import { InMemoryBroker } from "./broker.ts";
import { MemoryDatabase } from "./database.ts";
import type { InMemoryLockStoreOptions } from "./locks.ts";
import { InMemoryLockStore } from "./locks.ts";
import type { InMemoryRateLimiterOptions } from "./limiter.ts";
import { InMemoryRateLimiter } from "./limiter.ts";
import type { InMemoryResultBackendOptions } from "./results.ts";
import { InMemoryResultBackend } from "./results.ts";
import type { InMemoryRevokeStoreOptions } from "./revocations.ts";
import { InMemoryRevokeStore } from "./revocations.ts";
import type { InMemoryScheduleStoreOptions } from "./schedules.ts";
import { InMemoryScheduleStore } from "./schedules.ts";

/** Options of {@link memory}: those of each of its stores. */
export interface MemoryAdapterOptions
  extends
    InMemoryBrokerOptions,
    InMemoryResultBackendOptions,
    InMemoryLockStoreOptions,
    InMemoryRevokeStoreOptions,
    InMemoryScheduleStoreOptions,
    InMemoryRateLimiterOptions {}

/** What the memory stores can and cannot do. */
const support: AdapterSupport = Object.freeze({
  name: "memory",
  durable: false,
  notifications: "process",
  transactions: false,
  shared: false,
  timeResolutionMs: 1,
});

/**
 * Makes all stores of one database in this process's memory.
 *
 * @example
 * ```ts
 * import { memory, Stem } from "@stem/stem";
 *
 * const adapter = memory();
 * const stem = new Stem({ broker: adapter.broker, backend: adapter.results });
 * await stem.enqueue("demo", { args: {} });
 * await adapter.close();
 * ```
 */
export function memory(options: MemoryAdapterOptions = {}): Adapter {
  const shared = { ...options, database: options.database ?? new MemoryDatabase() };
  const stores = {
    broker: new InMemoryBroker(shared),
    results: new InMemoryResultBackend(shared),
    locks: new InMemoryLockStore(shared),
    revocations: new InMemoryRevokeStore(shared),
    schedules: new InMemoryScheduleStore(shared),
    limiter: new InMemoryRateLimiter(shared),
  };
  const close = async (): Promise<void> => {
    await Promise.all(Object.values(stores).map((store) => store.close()));
  };
  return Object.freeze({ supports: support, ...stores, close, [Symbol.asyncDispose]: close });
}
