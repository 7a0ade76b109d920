/**
 * The servers that the test command provides, as test files see them.
 *
 * A file that calls `postgresUrl`, `redisUrl` or `valkeyUrl` is given that server by `npm test`: the one in `STEM_TEST_POSTGRES_URL`,
 * `STEM_TEST_REDIS_URL` or `STEM_TEST_VALKEY_URL` when that is set, a private one otherwise. Where a server cannot be had, its cases are skipped with the
 * reason; with `CI=true` the command fails instead. Only Valkey may be missing there too, for not every system has a package of it: that is said aloud.
 *
 * @example
 * ```ts no-run
 * import { test } from "node:test";
 * import { needsPostgres, postgresUrl } from "./support/servers.ts";
 *
 * test("a case on a real server", { ...needsPostgres }, async () => {
 *   await connect(postgresUrl());
 * });
 * ```
 */

import process from "node:process";
import { findPostgres, postgresInstallHint } from "./postgres-binaries.ts";
import { findRedis, redisInstallHint, valkeyInstallHint } from "./redis-server.ts";

/** Test options: empty, or why the case is skipped. */
interface Needs {
  readonly skip?: string;
}

/** Test options for a case that needs PostgreSQL: empty when there is one, otherwise `skip`. */
export const needsPostgres: Needs = needs("STEM_TEST_POSTGRES_URL");

/** Test options for a case that needs Redis, likewise. */
export const needsRedis: Needs = needs("STEM_TEST_REDIS_URL");

/** Test options for a case that needs Valkey, likewise, but skipped also with `CI=true`. */
export const needsValkey: Needs = isSet(process.env["STEM_TEST_VALKEY_URL"])
  ? {}
  : { skip: `STEM_TEST_VALKEY_URL is not set, and \`npm test\` found no valkey-server: ${valkeyInstallHint}` };

/** Test options for a case that starts a PostgreSQL of its own, to kill it: empty when this machine has its programs, otherwise `skip`. */
export const needsPostgresPrograms: Needs = needsProgram(findPostgres(), `PostgreSQL's programs are missing: ${postgresInstallHint}`);

/** Test options for a case that starts a Redis of its own, likewise. */
export const needsRedisProgram: Needs = needsProgram(findRedis(), `Redis's program is missing: ${redisInstallHint}`);

/** The URL of the PostgreSQL server for tests; throws when there is none. */
export function postgresUrl(): string {
  return urlFrom("STEM_TEST_POSTGRES_URL");
}

/** The URL of the Redis server for tests; throws when there is none. */
export function redisUrl(): string {
  return urlFrom("STEM_TEST_REDIS_URL");
}

/** The URL of the Valkey server for tests; throws when there is none. */
export function valkeyUrl(): string {
  return urlFrom("STEM_TEST_VALKEY_URL");
}

// With CI=true nothing is skipped: the case runs, and fails for want of its server.
function needs(name: string): Needs {
  const isThere = isSet(process.env[name]) || process.env["CI"] === "true";
  return isThere ? {} : { skip: `${name} is not set; run the tests with \`npm test\`, which starts a server` };
}

function needsProgram(program: unknown, missing: string): Needs {
  return program !== undefined || process.env["CI"] === "true" ? {} : { skip: missing };
}

function urlFrom(name: string): string {
  const url = process.env[name];
  if (!isSet(url)) throw new Error(`Cannot reach the test server: ${name} is not set; run the tests with \`npm test\``);
  return url;
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
