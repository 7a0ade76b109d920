import type { StoreName } from "../app/config.ts";
import { STORE_VARIABLES } from "../app/config.ts";
import type { StoreFlag } from "./command.ts";

const urls: Readonly<Record<StoreName, StoreFlag>> = {
  broker: { flag: "--broker-url <url>", variable: STORE_VARIABLES.broker, about: "the broker" },
  backend: { flag: "--result-backend-url <url>", variable: STORE_VARIABLES.backend, about: "the result backend" },
  schedules: { flag: "--schedule-store-url <url>", variable: STORE_VARIABLES.schedules, about: "the schedule store" },
  locks: { flag: "--lock-store-url <url>", variable: STORE_VARIABLES.locks, about: "the lock store" },
  revocations: { flag: "--revoke-store-url <url>", variable: STORE_VARIABLES.revocations, about: "the revoke store" },
  workflows: { flag: "--workflow-store-url <url>", variable: STORE_VARIABLES.workflows, about: "the workflow store" },
};

const main: StoreFlag = { flag: "--url <url>", variable: "STEM_URL", about: "every store without a URL of its own" };
const namespace: StoreFlag = { flag: "--namespace <name>", variable: "STEM_NAMESPACE", about: 'the namespace, "stem" by default' };
const migrate: StoreFlag = {
  flag: "--migrate <mode>",
  variable: "STEM_MIGRATE",
  about: "auto, check or off: what connecting does about migrations, auto by default",
};

/** The flag for the Postgres schema. */
export const schemaFlag: StoreFlag = {
  flag: "--schema <name>",
  variable: "STEM_SCHEMA",
  about: 'the Postgres schema, "stem" by default',
};

/** The flags of a command that opens these stores. */
export function storeFlags(...stores: readonly StoreName[]): readonly StoreFlag[] {
  return [main, ...stores.map((store) => urls[store]), namespace, schemaFlag, migrate];
}

/** The flags of a command that opens every store. */
export function allStoreFlags(): readonly StoreFlag[] {
  return storeFlags("broker", "backend", "schedules", "locks", "revocations", "workflows");
}
