import { ConfigError } from "../errors.ts";
import { show } from "../model/id.ts";
import type { ConnectOptions } from "./connect.ts";
import type { StackOptions, StackOverrides } from "./stack.ts";

/** Variables by name, as a process has them: `process.env`, `Deno.env.toObject()`. One that is empty counts as absent. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A store that may live at a URL of its own. */
export type StoreName = keyof StackOverrides;

/** The variable of each store's own URL. */
export const STORE_VARIABLES: Readonly<Record<StoreName, string>> = Object.freeze({
  broker: "STEM_BROKER_URL",
  backend: "STEM_RESULT_BACKEND_URL",
  schedules: "STEM_SCHEDULE_STORE_URL",
  locks: "STEM_LOCK_STORE_URL",
  revocations: "STEM_REVOKE_STORE_URL",
  workflows: "STEM_WORKFLOW_STORE_URL",
});

/** What {@link stackSettings} answers: the main URL, and everything else that connecting needs. */
export interface StackSettings extends StackOptions {
  /** Where every store is that has no URL of its own. */
  readonly url: string;
  /** The stores with URLs of their own. */
  readonly overrides: StackOverrides;
}

const NAMES: Readonly<Record<StoreName, string>> = {
  broker: "broker",
  backend: "result backend",
  schedules: "schedule store",
  locks: "lock store",
  revocations: "revoke store",
  workflows: "workflow store",
};

const MODES = ["auto", "check", "off"] as const;

/**
 * Reads from the environment where the stores are and how to connect to them: `STEM_URL`, a URL for each store (`STEM_BROKER_URL`,
 * `STEM_RESULT_BACKEND_URL`, `STEM_SCHEDULE_STORE_URL`, `STEM_LOCK_STORE_URL`, `STEM_REVOKE_STORE_URL`, `STEM_WORKFLOW_STORE_URL`),
 * `STEM_NAMESPACE`, `STEM_SCHEMA`, `STEM_MIGRATE`. A store without a URL of its own is at `STEM_URL`; the revoke store first falls back to the
 * result backend's.
 *
 * @throws {ConfigError} when there is no URL for the broker or the result backend, or `STEM_MIGRATE` is none of its modes.
 *
 * @example
 * ```ts
 * import { StemApp, stackSettings } from "@stem/stem";
 *
 * const { url, ...options } = stackSettings({ STEM_URL: "memory:", STEM_NAMESPACE: "orders" }); // process.env
 * const app = await StemApp.fromUrl(url, options);
 * await app.close();
 * ```
 */
export function stackSettings(environment: Environment): StackSettings {
  const broker = storeUrl("broker", environment);
  const backend = storeUrl("backend", environment);
  const own = (name: StoreName) => variable(environment, STORE_VARIABLES[name]);
  const overrides: { -readonly [Name in StoreName]?: string } = { broker, backend };
  for (const name of ["schedules", "locks", "workflows"] as const) {
    const url = own(name);
    if (url !== undefined) overrides[name] = url;
  }
  overrides.revocations = storeUrl("revocations", environment);
  return { ...connectSettings(environment), url: variable(environment, "STEM_URL") ?? backend, overrides };
}

/**
 * Reads where one store is.
 *
 * @throws {ConfigError} that names the variables, when none of them is set.
 */
export function storeUrl(name: StoreName, environment: Environment): string {
  const candidates = [STORE_VARIABLES[name], ...(name === "revocations" ? [STORE_VARIABLES.backend] : []), "STEM_URL"];
  // Without a main URL everything but the broker lives where the results do.
  const last = name === "broker" ? [] : [STORE_VARIABLES.backend];
  for (const candidate of [...candidates, ...last]) {
    const url = variable(environment, candidate);
    if (url !== undefined) return url;
  }
  throw new ConfigError(`Cannot connect to the ${NAMES[name]}: neither ${candidates.join(" nor ")} is set`);
}

/** Every URL that the environment names, each once, the main one first. */
export function allUrls(environment: Environment): readonly string[] {
  const urls = ["STEM_URL", ...Object.values(STORE_VARIABLES)].map((name) => variable(environment, name));
  return [...new Set(urls.filter((url) => url !== undefined))];
}

/**
 * Reads how to connect, whatever the store.
 *
 * @throws {ConfigError} when `STEM_MIGRATE` is none of its modes.
 */
export function connectSettings(environment: Environment): ConnectOptions {
  const namespace = variable(environment, "STEM_NAMESPACE");
  const schema = variable(environment, "STEM_SCHEMA");
  const asked = variable(environment, "STEM_MIGRATE");
  const migrate = MODES.find((mode) => mode === asked);
  if (asked !== undefined && migrate === undefined) {
    throw new ConfigError(`Cannot use ${show(asked)} as STEM_MIGRATE: expected one of ${MODES.join(", ")}`);
  }
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(schema === undefined ? {} : { schema }),
    ...(migrate === undefined ? {} : { migrate }),
  };
}

function variable(environment: Environment, name: string): string | undefined {
  const value = environment[name];
  return value === undefined || value === "" ? undefined : value;
}
