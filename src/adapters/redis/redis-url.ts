import { ConfigError } from "../../errors.ts";
import { decodeUrlPart, parseServerUrl } from "../server-url.ts";

/** A server's address. */
export interface RedisNode {
  /** Its host name or address. */
  readonly host: string;
  /** Its port. */
  readonly port: number;
}

/** What a Redis URL says. */
export interface RedisAddress {
  /** The server; the first nodes to ask of a cluster; the sentinels. At least one. */
  readonly nodes: readonly RedisNode[];
  /** The user of the server's access control list; absent for the default one. */
  readonly username: string | undefined;
  /** The password. */
  readonly password: string | undefined;
  /** The number of the database. */
  readonly db: number;
  /** Whether the connection is encrypted. */
  readonly tls: boolean;
  /** Whether the nodes are those of a cluster. */
  readonly cluster: boolean;
  /** What the sentinels call the server; absent when the nodes are no sentinels. */
  readonly sentinelName: string | undefined;
  /** How error messages call it: without the password. */
  readonly what: string;
}

const EXPECTED = "expected redis://user:password@host:port/database";
const FORM = { what: "Redis", schemes: ["redis", "rediss"], expected: EXPECTED } as const;
const PARAMETERS = ["cluster", "sentinel"];
const DEFAULT_PORT = 6379;
const DEFAULT_SENTINEL_PORT = 26_379;

/** What options say of a URL's hosts. */
export interface RedisHosts {
  /** Whether they are nodes of a cluster. @default the URL's `?cluster=` */
  readonly cluster?: boolean | undefined;
  /** What they call the server, when they are sentinels. @default the URL's `?sentinel=` */
  readonly sentinelName?: string | undefined;
}

/**
 * Reads a Redis URL: `redis://user:password@host:port/database`, `rediss:` for TLS. Several hosts, parted by commas, go with `?cluster=true` or
 * `?sentinel=<name of the server>`.
 *
 * @throws {ConfigError} when it cannot be used. The message holds nothing of the URL but its scheme: where a password is not percent-encoded, any
 * part of it may turn up in any part of the URL.
 */
export function parseRedisUrl(url: string, options: RedisHosts = {}): RedisAddress {
  const { scheme, url: parsed, hosts: written } = parseServerUrl(url, FORM);
  const hosts = written.length > 1 ? written : [parsed.host === "" ? "127.0.0.1" : parsed.host];
  checkParameters(parsed);
  const cluster = options.cluster ?? flag(parsed.searchParams.get("cluster"));
  const sentinelName = options.sentinelName ?? parsed.searchParams.get("sentinel") ?? undefined;
  if (cluster && sentinelName !== undefined) {
    throw new ConfigError("Cannot connect to a Redis Cluster by sentinels: expected one of the two");
  }
  if (hosts.length > 1 && !cluster && sentinelName === undefined) {
    throw new ConfigError("Cannot connect to a Redis URL with several hosts: expected ?cluster=true or ?sentinel=<name> with them");
  }
  const username = decodeUrlPart(parsed.username, "user name", FORM);
  const db = databaseNumber(parsed.pathname);
  if (cluster && db !== 0) throw new ConfigError(`Cannot connect to database ${db} of a Redis Cluster: expected 0, the only one it has`);
  return {
    nodes: hosts.map((host) => toNode(host, sentinelName === undefined ? DEFAULT_PORT : DEFAULT_SENTINEL_PORT)),
    username: username === "" ? undefined : username,
    password: parsed.password === "" ? undefined : decodeUrlPart(parsed.password, "password", FORM),
    db,
    tls: scheme === "rediss",
    cluster,
    sentinelName,
    what: `${scheme}://${username === "" ? "" : `${username}@`}${hosts.join(",")}/${db}`,
  };
}

function checkParameters({ searchParams, hash }: URL): void {
  const isKnown = [...searchParams.keys()].every((name) => PARAMETERS.includes(name));
  if (!isKnown || hash !== "" || searchParams.get("sentinel") === "") {
    throw new ConfigError("Cannot connect to a Redis URL with other parameters than ?cluster=true or ?sentinel=<name>");
  }
}

function toNode(host: string, defaultPort: number): RedisNode {
  // `redis:` is no scheme that URL knows, so the part behind "://" is read as one with a host.
  const { hostname, port } = URL.canParse(`redis://${host}`) ? new URL(`redis://${host}`) : { hostname: "", port: "" };
  if (hostname === "") throw new ConfigError(`Cannot connect to a Redis URL with a malformed host: ${EXPECTED}`);
  return { host: hostname.replace(/^\[(.*)\]$/, "$1"), port: port === "" ? defaultPort : Number(port) };
}

function databaseNumber(path: string): number {
  const [, digits] = /^\/?(\d{0,5})$/.exec(path) ?? [];
  if (digits === undefined) throw new ConfigError(`Cannot connect to a Redis URL whose database is no number: ${EXPECTED}`);
  return Number(digits);
}

function flag(text: string | null): boolean {
  if (text === null || text === "false") return false;
  if (text === "true" || text === "") return true;
  throw new ConfigError("Cannot connect to a Redis URL with another ?cluster= than true or false");
}
