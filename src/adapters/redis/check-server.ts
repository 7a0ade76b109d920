import type { Logger } from "../../contracts/logger.ts";
import { ConfigError } from "../../errors.ts";
import { withDeadline } from "../../time/sleep.ts";
import { redisFailure } from "./failure.ts";

/** What can be asked about itself. */
export interface TellingServer {
  /** What `INFO` answers. */
  info(): Promise<string>;
  /** Whether it is asked as a cluster. */
  readonly isCluster: boolean;
}

/** How a server is looked at. */
export interface CheckServerOptions {
  /** How error messages call it. */
  readonly what: string;
  /** Where is told what may go wrong with its settings. */
  readonly logger: Logger;
  /** How long it may take to answer. */
  readonly deadlineMs: number;
}

const OLDEST_MAJOR = 7;

/**
 * Looks at what a server tells of itself.
 *
 * @throws {ConfigError} when it is too old, or not what it was taken for.
 */
export async function checkServer(server: TellingServer, { what, logger, deadlineMs }: CheckServerOptions): Promise<void> {
  let info: string;
  try {
    info = await withDeadline(server.info(), deadlineMs, { message: `nothing came within ${deadlineMs} ms` });
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith("NOPERM"))) throw error;
    logger.warn("Redis tells neither its version nor its settings: let the user use INFO", { what, reason: redisFailure(error).reason });
    return;
  }
  const told = new Map(
    info.split(/\r?\n/).map((line) => {
      const at = line.indexOf(":");
      return [line.slice(0, at), line.slice(at + 1)] as const;
    }),
  );
  checkVersion(told, what);
  checkMode(told.get("redis_mode") ?? told.get("server_mode"), server.isCluster, what);
  const policy = told.get("maxmemory_policy");
  if (policy !== undefined && policy !== "noeviction") {
    logger.warn("Redis may delete tasks when it is full: set maxmemory-policy to noeviction", { what, policy });
  }
  if (told.get("role") === "slave" && !server.isCluster) {
    logger.warn("Redis is a replica, which takes no writes: connect to its primary", { what });
  }
}

function checkVersion(told: ReadonlyMap<string, string>, what: string): void {
  // Valkey tells of the Redis that it is compatible with, too.
  const version = told.get("redis_version") ?? told.get("valkey_version");
  if (version !== undefined && Number.parseInt(version, 10) >= OLDEST_MAJOR) return;
  const found = version === undefined ? "something that tells no version" : `Redis ${version}`;
  throw new ConfigError(`Cannot use ${what}: it is ${found}, expected Redis ${OLDEST_MAJOR}.0 or newer, or Valkey`);
}

function checkMode(mode: string | undefined, isCluster: boolean, what: string): void {
  if (mode === "sentinel") {
    throw new ConfigError(`Cannot use ${what}: it is a sentinel, expected a server: name it with ?sentinel=<name of the server>`);
  }
  if (mode === "cluster" && !isCluster) {
    throw new ConfigError(`Cannot use ${what}: it is a node of a cluster, expected a single server: connect with ?cluster=true`);
  }
}
