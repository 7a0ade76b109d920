import type { Logger } from "../../contracts/logger.ts";
import { consoleLogger } from "../../contracts/logger.ts";
import { loadDriver } from "../../async/load-driver.ts";
import type { Clock } from "../../time/clock.ts";
import { durationMs } from "../../time/duration.ts";
import type { Duration } from "../../time/duration.ts";
import type { RedisDatabase, RedisTrip } from "./database.ts";
import type { Connecting } from "./ioredis-connect.ts";
import { parseRedisUrl } from "./redis-url.ts";

/** How a Redis database is used, whoever opened it. */
export interface RedisUse {
  /** Judges all times instead of the server's clock: for tests. @default the server's clock */
  readonly clock?: Clock | undefined;
  /** Where is told what may go wrong with the server's settings. @default warnings and errors on the console */
  readonly logger?: Logger | undefined;
  /**
   * How long a call waits for the connection while the server is away, and for its answer. Then it fails as retryable; what had not gone out yet has
   * had no effect.
   *
   * @default "5s"
   */
  readonly commandTimeout?: Duration | undefined;
  /** How long connecting may take. @default "10s" */
  readonly connectTimeout?: Duration | undefined;
  /** Told of each trip to the server before it goes: for tests. @default nobody */
  readonly onTrip?: ((trip: RedisTrip) => void) | undefined;
}

/** How to encrypt the connection, as Node's `tls.connect` takes it. */
export interface RedisTlsOptions {
  /** Whom to trust, as PEM. @default the authorities that the runtime knows */
  readonly ca?: string | readonly string[];
  /** The client's certificate, as PEM. @default none */
  readonly cert?: string;
  /** The key of the client's certificate, as PEM. @default none */
  readonly key?: string;
  /** The name that the server's certificate has to be for. @default the host of the URL */
  readonly servername?: string;
  /** Whether a server whose certificate cannot be verified is refused. @default true */
  readonly rejectUnauthorized?: boolean;
}

/** How the server's place is asked of sentinels. */
export interface RedisSentinelOptions {
  /** What they call the server. The URL then names the sentinels, parted by commas. @default the URL's `?sentinel=` */
  readonly name?: string;
  /** The user, where they ask for one. @default none */
  readonly username?: string;
  /** The password, where they ask for one. @default none */
  readonly password?: string;
  /** How the connections to them are encrypted; `false` for not at all. @default as those to the server */
  readonly tls?: RedisTlsOptions | false;
}

/** How a Redis database is opened. */
export interface RedisOpenOptions extends RedisUse {
  /** Options of an encrypted connection; given, it is encrypted also for `redis:`. @default encrypted for `rediss:` */
  readonly tls?: RedisTlsOptions | undefined;
  /** Whether the URL names nodes of a cluster, parted by commas: one that answers will do. @default the URL's `?cluster=` */
  readonly cluster?: boolean | undefined;
  /** Asks sentinels where the server is. @default the URL names the server, unless it has `?sentinel=` */
  readonly sentinel?: RedisSentinelOptions | undefined;
}

const PACKAGES = ["ioredis"] as const;

// How long a call that the server refuses for a while is made again.
const LONGEST_REPEAT_MS = 2_000;

/**
 * Connects to a server, to the one that sentinels name, or to a cluster.
 *
 * @throws {ConfigError} when the URL or an option cannot be used, a package is missing, or the server is too old.
 * @throws {StoreError} when the server cannot be reached, or refuses, within the deadline.
 */
export async function openRedis(url: string, options: RedisOpenOptions = {}): Promise<RedisDatabase> {
  const address = parseRedisUrl(url, { cluster: options.cluster, sentinelName: options.sentinel?.name });
  const connecting = connectingWith(options, address.what);
  const { connectTo } = await loadDriver(() => import("./ioredis-connect.ts"), address.what, PACKAGES);
  return await connectTo(address, options, connecting);
}

/**
 * Connects to the server of the caller's own ioredis client, with connections of our own that are made like it: the client is neither used
 * further nor closed. Its own retries and queues do not suit scripts, see docs/decisions/0015.
 *
 * @throws what {@link openRedis} throws, {@link ConfigError} for a client with a key prefix, and {@link UnsupportedError} for no client of ioredis.
 */
export async function useRedis(client: object, options: RedisUse = {}): Promise<RedisDatabase> {
  const connecting = connectingWith(options, "the server of the given client");
  const { connectLike } = await loadDriver(() => import("./ioredis-connect.ts"), connecting.what, PACKAGES);
  return await connectLike(client, connecting);
}

function connectingWith({ commandTimeout, connectTimeout, clock, onTrip, logger }: RedisUse, what: string): Connecting {
  const commandTimeoutMs = durationMs(commandTimeout ?? "5s", "commandTimeout", { min: 1 });
  const connectTimeoutMs = durationMs(connectTimeout ?? "10s", "connectTimeout", { min: 1 });
  const repeatForMs = Math.min(commandTimeoutMs, LONGEST_REPEAT_MS);
  return { what, clock, onTrip, logger: logger ?? consoleLogger, commandTimeoutMs, connectTimeoutMs, repeatForMs };
}
