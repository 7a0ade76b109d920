/**
 * Every public symbol is documented, and every type in a public signature is public itself: `deno doc --lint` with reviewed exceptions.
 *
 * Gets the entry files as arguments.
 */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import process from "node:process";
import { root, runtimeProgram } from "../test/support/runtimes.ts";

/** Types that may stand in public signatures without being exported, with the reason. */
const privateTypes: Readonly<Record<string, string>> = {
  BrokerSurface: "The half of a broker that all adapters share; users see it as the contract `Broker`.",
  LimiterSurface: "The half of a rate limiter that all adapters share; users see it as the contract `RateLimiter`.",
  Defined: "The Drizzle tables: their types are inferred from their columns.",
  LocksSurface: "The half of a lock store that all adapters share; users see it as the contract `LockStore`.",
  PostgresTable: "The Drizzle tables: their types are inferred from their columns.",
  ResultsSurface: "The half of a result backend that all adapters share; users see it as the contract `ResultBackend`.",
  RevocationsSurface: "The half of a revoke store that all adapters share; users see it as the contract `RevokeStore`.",
  SchedulesSurface: "The half of a schedule store that all adapters share; users see it as the contract `ScheduleStore`.",
  SqlBroker: "The broker that both SQL stores are; users see it as the contract `Broker`.",
  SqlLockStore: "The lock store that both SQL stores are; users see it as the contract `LockStore`.",
  SqlRateLimiter: "The rate limiter that both SQL stores are; users see it as the contract `RateLimiter`.",
  SqlResultBackend: "The result backend that both SQL stores are; users see it as the contract `ResultBackend`.",
  SqlRevokeStore: "The revoke store that both SQL stores are; users see it as the contract `RevokeStore`.",
  SqlScheduleStore: "The schedule store that both SQL stores are; users see it as the contract `ScheduleStore`.",
  StandardSchemaV1: "A type of the package @standard-schema/spec.",
  defineTables: "The Drizzle tables: their types are inferred from their columns.",
};

interface Finding {
  readonly rule: string;
  readonly message: string;
  readonly file: string;
  readonly line: number;
}

const { status, stdout, stderr } = spawnSync(runtimeProgram("deno"), ["doc", "--lint", ...process.argv.slice(2)], {
  cwd: root,
  encoding: "utf8",
  env: { ...process.env, NO_COLOR: "1" },
  maxBuffer: 64 * 1024 * 1024,
});
const findings = [...`${stdout}${stderr}`.matchAll(/^error\[([\w-]+)\]: (.*)\n\s*--> (.+):(\d+):\d+$/gm)].map((
  [, rule = "", message = "", file = "", line],
): Finding => ({ rule, message, file: relative(root, file), line: Number(line) }));
const open = findings.filter((finding) => !isException(finding));
for (const { rule, message, file, line } of open) console.log(`${file}:${line}: ${message} (${rule})`);
// A failure without a finding is one of the command itself.
if (status !== 0 && findings.length === 0) console.log(stderr);
process.exitCode = open.length > 0 || (status !== 0 && findings.length === 0) ? 1 : 0;

function isException({ rule, message, file, line }: Finding): boolean {
  // What only subclasses see is documented where it is declared first.
  if (/\bprotected\b/.test(readFileSync(file, "utf8").split("\n")[line - 1] ?? "")) return true;
  const [, type = ""] = /references private type '(\w+)/.exec(message) ?? [];
  return rule === "private-type-ref" && type in privateTypes;
}
