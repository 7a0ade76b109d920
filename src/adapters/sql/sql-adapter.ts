import type { Adapter, AdapterSupport } from "../../contracts/adapter.ts";
import type { SqlBrokerOptions } from "./broker.ts";
import { SqlBroker } from "./broker.ts";
import type { SqlDatabase } from "./database.ts";
import { holding } from "../database-hold.ts";
import type { SqlRateLimiterOptions } from "./limiter.ts";
import { SqlRateLimiter } from "./limiter.ts";
import type { SqlLockStoreOptions } from "./locks.ts";
import { SqlLockStore } from "./locks.ts";
import type { SqlResultBackendOptions } from "./results.ts";
import { SqlResultBackend } from "./results.ts";
import type { SqlRevokeStoreOptions } from "./revocations.ts";
import { SqlRevokeStore } from "./revocations.ts";
import type { SqlScheduleStoreOptions } from "./schedules.ts";
import { SqlScheduleStore } from "./schedules.ts";

/** Options of the stores of one SQL adapter. */
export type SqlStoreOptions =
  & SqlBrokerOptions
  & SqlResultBackendOptions
  & SqlLockStoreOptions
  & SqlRevokeStoreOptions
  & SqlScheduleStoreOptions
  & SqlRateLimiterOptions;

/** Makes all stores of a database; closing the adapter closes them, and the database with the last of them. */
export function sqlAdapter(database: SqlDatabase, supports: AdapterSupport, options: SqlStoreOptions): Promise<Adapter> {
  return holding(database, 6, (hold) => {
    const stores = {
      broker: new SqlBroker(hold, options),
      results: new SqlResultBackend(hold, options),
      locks: new SqlLockStore(hold, options),
      revocations: new SqlRevokeStore(hold, options),
      schedules: new SqlScheduleStore(hold, options),
      limiter: new SqlRateLimiter(hold, options),
    };
    const close = async (): Promise<void> => {
      await Promise.all(Object.values(stores).map((store) => store.close()));
    };
    return Object.freeze({ supports, ...stores, close, [Symbol.asyncDispose]: close });
  });
}
