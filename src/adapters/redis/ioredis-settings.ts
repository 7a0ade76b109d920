import type { ClusterOptions, RedisOptions } from "ioredis";
import type { RedisOpenOptions, RedisTlsOptions } from "./open.ts";
import type { RedisAddress } from "./redis-url.ts";

/** Options of one connection. How replies are mapped is left out: the driver's types tell by it what its methods answer. */
export type Settings = Omit<RedisOptions, "replyMapping">;

/** Options of the connections to a cluster. */
export type ClusterSettings = Omit<ClusterOptions, "redisOptions"> & {
  /** Options of the connection to each node. */
  redisOptions: Omit<Settings, "enableOfflineQueue" | "retryStrategy">;
};

/** How long connections may take for what. */
export interface Deadlines {
  /** For an answer. */
  readonly commandTimeoutMs: number;
  /** For connecting. */
  readonly connectTimeoutMs: number;
}

const LONGEST_RECONNECT_MS = 1_000;

/** Pauses before another attempt to connect: short ones first, so that an outage of a moment stays one. */
function retryDelayMs(attempt: number): number {
  return Math.min(10 * 2 ** Math.min(attempt - 1, 10), LONGEST_RECONNECT_MS);
}

/** What both connections have in common, also against what a caller's own client says. */
function commonSettings({ commandTimeoutMs, connectTimeoutMs }: Deadlines): Settings {
  return {
    lazyConnect: true,
    keyPrefix: "",
    // As fast as 3 in every measurement, and needs no HELLO, which proxies refuse.
    protocol: 2,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    enableReadyCheck: true,
    enableAutoPipelining: false,
    disableClientInfo: true,
    readOnly: false,
    role: "master",
    stringNumbers: false,
    // Whoever connects anew does not wait longer for it than a call may take.
    connectTimeout: Math.min(connectTimeoutMs, commandTimeoutMs),
    commandTimeout: undefined,
    sentinelCommandTimeout: commandTimeoutMs,
    sentinelRetryStrategy: retryDelayMs,
    disconnectTimeout: 200,
    // Within the seconds that the server says it will take, the driver would not look again.
    maxLoadingRetryTime: 100,
    maxRetriesPerRequest: 0,
    retryStrategy: retryDelayMs,
  };
}

/**
 * Options of the connection that carries commands. One that went out is not sent again, and none waits in a queue of the driver's: `IoredisLink`
 * waits for the connection with a deadline, and watches for answers.
 */
export function commandSettings(deadlines: Deadlines): Settings {
  return {
    ...commonSettings(deadlines),
    socketTimeout: undefined,
    // A primary that became a replica: another one has taken its place.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  };
}

/** Options of the connection that hears channels: here a connection that was given up wrongly does no harm. */
export function subscriberSettings(deadlines: Deadlines): Settings {
  return { ...commonSettings(deadlines), autoResubscribe: false, reconnectOnError: null, socketTimeout: deadlines.commandTimeoutMs };
}

/** Options of the connections to a cluster that carry commands. */
export function clusterSettings(deadlines: Deadlines, login: Settings = {}): ClusterSettings {
  const { enableOfflineQueue, retryStrategy, ...redisOptions } = { ...commandSettings(deadlines), ...login };
  return {
    lazyConnect: true,
    keyPrefix: "",
    enableOfflineQueue: enableOfflineQueue ?? false,
    enableAutoPipelining: false,
    scaleReads: "master",
    shardedSubscribers: false,
    clusterRetryStrategy: retryStrategy ?? null,
    clusterNodeRetryStrategy: null,
    // The driver would send again what was under way on a connection that was lost. What a node refused is sent again, until the cluster is whole.
    ...{ retryDelayOnFailover: 0, retryDelayOnClusterDown: 100, retryDelayOnTryAgain: 100, maxRedirections: 16 },
    redisOptions: { ...redisOptions, socketTimeout: deadlines.commandTimeoutMs },
  };
}

/** Who connects, and how it is encrypted. */
export function loginSettings(address: RedisAddress, options: RedisOpenOptions): Settings {
  const { username, password } = address;
  return {
    connectionName: "stem",
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(isEncrypted(address, options) ? { tls: tlsSettings(options.tls ?? {}) } : {}),
  };
}

/** Where one server is, or who knows it. */
export function targetSettings(address: RedisAddress, options: RedisOpenOptions): Settings {
  const { nodes, db, sentinelName } = address;
  if (sentinelName === undefined) return { db, ...nodes[0] };
  const { username, password, tls } = sentinelLogin(address, options);
  return {
    db,
    sentinels: [...nodes],
    name: sentinelName,
    enableTLSForSentinelMode: isEncrypted(address, options),
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
    ...(tls === undefined ? {} : { sentinelTLS: tls }),
  };
}

/** How sentinels are connected to. */
export function sentinelLogin(address: RedisAddress, options: RedisOpenOptions): Settings {
  const { username, password, tls = isEncrypted(address, options) ? options.tls ?? {} : false } = options.sentinel ?? {};
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === false ? {} : { tls: tlsSettings(tls) }),
  };
}

function isEncrypted({ tls }: RedisAddress, options: RedisOpenOptions): boolean {
  return tls || options.tls !== undefined;
}

function tlsSettings({ ca, ...rest }: RedisTlsOptions): NonNullable<RedisOptions["tls"]> {
  return { ...rest, ...(ca === undefined ? {} : { ca: typeof ca === "string" ? ca : [...ca] }) };
}
