import { Cluster, Redis } from "ioredis";
import type { Logger } from "../../contracts/logger.ts";
import { ConfigError, StemError, StoreError, UnsupportedError } from "../../errors.ts";
import { deferred } from "../../async/deferred.ts";
import { withDeadline } from "../../time/sleep.ts";
import { checkServer } from "./check-server.ts";
import type { RedisDatabaseOptions } from "./database.ts";
import { RedisDatabase } from "./database.ts";
import { connectFailure, isVague } from "./failure.ts";
import { isSingle } from "./ioredis-client.ts";
import { IoredisLink } from "./ioredis-link.ts";
import type { Deadlines, Settings } from "./ioredis-settings.ts";
import { clusterSettings, commandSettings, loginSettings, sentinelLogin, subscriberSettings, targetSettings } from "./ioredis-settings.ts";
import { IoredisSubscriber } from "./ioredis-subscriber.ts";
import type { RedisOpenOptions } from "./open.ts";
import type { RedisAddress, RedisNode } from "./redis-url.ts";

/** What connecting needs to know, whoever names the server. */
export interface Connecting extends Deadlines, RedisDatabaseOptions {
  /** How error messages call the server. */
  readonly what: string;
  /** Where is told what may go wrong with the server's settings. */
  readonly logger: Logger;
}

/** Connects to the server, the sentinels or the cluster of a URL. */
export function connectTo(address: RedisAddress, options: RedisOpenOptions, connecting: Connecting): Promise<RedisDatabase> {
  const { nodes, cluster, sentinelName } = address;
  const [login, settings] = [loginSettings(address, options), commandSettings(connecting)];
  if (cluster) {
    const make = (): Cluster => new Cluster([...nodes], clusterSettings(connecting, login));
    return connected(make, inCluster(connecting), () => new Redis({ ...settings, ...login, ...nodes[0] }));
  }
  const make = (): Redis => new Redis({ ...settings, ...login, ...targetSettings(address, options) });
  if (sentinelName === undefined) return connected(make, connecting);
  return connected(make, connecting, () => new Redis({ ...settings, ...sentinelLogin(address, options), ...nodes[0] }));
}

/** Connects to the server of a client, as that one does. */
export function connectLike(client: object, connecting: Connecting): Promise<RedisDatabase> {
  if (!isClient(client)) throw new UnsupportedError("Cannot use the given client: expected a Redis or Cluster of ioredis");
  const { keyPrefix = "" } = client.options;
  if (keyPrefix !== "") {
    throw new ConfigError(`Cannot use the given client: it has keyPrefix "${keyPrefix}", expected none: a namespace keeps systems apart`);
  }
  // The driver takes its protocol from the client that is copied along with how replies are mapped, which only protocol 3 can be asked for.
  const legacy = { replyMapping: "legacy" } as const;
  if (isSingle(client)) return connected(() => client.duplicate({ ...commandSettings(connecting), ...legacy }), connecting);
  const { redisOptions, ...settings } = clusterSettings(connecting);
  return connected(() => client.duplicate([], { ...settings, redisOptions: { ...redisOptions, ...legacy } }), inCluster(connecting));
}

/** Where a node of several is away, nothing tells when it is back: a call asks again for as long as it would wait for a single server. */
function inCluster(connecting: Connecting): Connecting {
  return { ...connecting, repeatForMs: connecting.commandTimeoutMs };
}

/**
 * Makes and connects both connections.
 *
 * @param first Connects to the first node of several: the driver tells nobody what is wrong with them.
 */
async function connected(make: () => Redis | Cluster, connecting: Connecting, first?: () => Redis): Promise<RedisDatabase> {
  const { what, commandTimeoutMs, connectTimeoutMs, logger } = connecting;
  const opened: (Redis | Cluster)[] = [];
  const connect = async <C extends Redis | Cluster>(client: C): Promise<C> => {
    opened.push(client);
    await firstConnection(client, connectTimeoutMs);
    return client;
  };
  try {
    const client = await connect(make());
    await checkServer(client, { what, logger, deadlineMs: connectTimeoutMs });
    const listening = await connect(subscriberFor(client, subscriberSettings(connecting)));
    return new RedisDatabase((events) => {
      const subscriber = new IoredisSubscriber(listening, { ...events, commandTimeoutMs, logger, nextNode: nodeChooser(client) });
      return new IoredisLink({ client, subscriber, commandTimeoutMs });
    }, connecting);
  } catch (error) {
    const told = isVague(error) && first !== undefined ? await connect(first()).then(() => error, (why: unknown) => why) : error;
    for (const client of opened) client.disconnect();
    throw connectError(told, what);
  }
}

/** Any node of a cluster tells what was published on any other one. */
function subscriberFor(client: Redis | Cluster, settings: Settings): Redis {
  const [node] = isSingle(client) ? [client] : client.nodes("master");
  if (node === undefined) throw new Error("the cluster has no nodes");
  return node.duplicate(settings);
}

/** One node of a cluster after the other, as far as they are known: the one that was lost may stay away. */
function nodeChooser(client: Redis | Cluster): (() => RedisNode | undefined) | undefined {
  if (isSingle(client)) return undefined;
  let turn = 0;
  return () => {
    const nodes = client.nodes();
    turn += 1;
    const { host, port } = nodes[turn % nodes.length]?.options ?? {};
    return host === undefined || port === undefined ? undefined : { host, port };
  };
}

/** Connects once. What stands in the way is told by events, and not by what the driver's promise rejects with. */
async function firstConnection(client: Redis | Cluster, deadlineMs: number): Promise<void> {
  const failed = deferred<never>();
  let detail: unknown;
  const onError = (error: unknown): void => failed.reject(detail ?? error);
  // One node of a cluster may be away, or one sentinel: others know as well.
  const onDetail = (error: unknown): void => {
    detail = error;
  };
  client.on("error", onError);
  client.on("node error", onDetail);
  client.on("sentinelError", onDetail);
  try {
    const ready = client.connect().catch(async (error: unknown) => {
      // The event comes behind the rejection.
      await Promise.resolve();
      throw detail ?? error;
    });
    const message = `nothing came within ${deadlineMs} ms`;
    await withDeadline(Promise.race([failed.promise, ready]), deadlineMs, { message });
  } finally {
    client.off("error", onError);
    client.off("node error", onDetail);
    client.off("sentinelError", onDetail);
    // An error that nobody hears of would be printed, or end the process.
    client.on("error", () => {});
  }
}

function connectError(error: unknown, what: string): StemError {
  if (StemError.is(error) && error.code !== "TIMEOUT") return error;
  const { reason, retryable, cause } = connectFailure(error);
  return new StoreError(`Cannot connect to ${what}: ${reason}`, { adapter: "redis", operation: "connect", retryable, cause });
}

function isClient(client: object): client is Redis | Cluster {
  return "duplicate" in client && typeof client.duplicate === "function" && "isCluster" in client && "sendCommand" in client;
}
