/**
 * The servers that the test command provides, as test files see them.
 *
 * A file that mentions `postgresUrl` (or `redisUrl`) is given that server by `npm test`: `STEM_TEST_POSTGRES_URL` / `STEM_TEST_REDIS_URL` when they are
 * set, a private one otherwise. Where a server cannot be had, its cases are skipped with the reason; with `CI=true` the command fails instead.
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

/** Test options for a case that needs PostgreSQL: empty when there is one, otherwise `skip`. */
export const needsPostgres: { readonly skip?: string } = needs("STEM_TEST_POSTGRES_URL");

/** Test options for a case that starts a PostgreSQL of its own, to kill it: empty when this machine has its programs, otherwise `skip`. */
export const needsPostgresPrograms: { readonly skip?: string } = needsPrograms();

/** The URL of the PostgreSQL server for tests; throws when there is none. */
export function postgresUrl(): string {
  return urlFrom("STEM_TEST_POSTGRES_URL");
}

function needs(name: string): { readonly skip?: string } {
  if (isSet(process.env[name])) return {};
  if (process.env["CI"] === "true") throw new Error(`Cannot run these tests: ${name} is not set, and CI=true allows no missing server`);
  return { skip: `${name} is not set; run the tests with \`npm test\`, which starts a server` };
}

function needsPrograms(): { readonly skip?: string } {
  if (findPostgres() !== undefined) return {};
  if (process.env["CI"] === "true") throw new Error(`Cannot run these tests: CI=true allows no missing server; ${postgresInstallHint}`);
  return { skip: `PostgreSQL's programs are missing: ${postgresInstallHint}` };
}

function urlFrom(name: string): string {
  const url = process.env[name];
  if (!isSet(url)) throw new Error(`Cannot reach the test server: ${name} is not set; run the tests with \`npm test\``);
  return url;
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
