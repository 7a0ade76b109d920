import { ConfigError } from "../../errors.ts";

const EXPECTED = "expected postgres://user:password@host:port/database";

/**
 * Checks a Postgres URL before the driver sees it, because the driver's own errors would show the password.
 *
 * @returns how error messages name the database: without password and parameters.
 * @throws {ConfigError} when it cannot be used; the message holds nothing of the URL but its scheme.
 */
export function describePostgresUrl(url: string): string {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme !== "postgres" && scheme !== "postgresql") {
    const found = scheme === undefined ? "without a scheme" : `of scheme "${scheme}"`;
    throw new ConfigError(`Cannot connect to a Postgres URL ${found}: ${EXPECTED}`);
  }
  const parsed = parse(url);
  // Several hosts, separated by commas, are the driver's own extension: they are read with only the first one.
  const hosts = parsed.hosts.join(",");
  const user = decode(parsed.url.username, "user name");
  decode(parsed.url.password, "password");
  const database = decode(parsed.url.pathname.slice(1), "database name");
  return `postgres://${user === "" ? "" : `${user}@`}${hosts}/${database}`;
}

function parse(url: string): { readonly url: URL; readonly hosts: readonly string[] } {
  const authority = url.slice(url.indexOf("://") + 3).split(/[/?#]/, 1)[0] ?? "";
  const hosts = authority.slice(authority.lastIndexOf("@") + 1).split(",");
  const single = hosts.length > 1 ? url.replace(hosts.join(","), hosts[0] ?? "") : url;
  // No cause: the runtime's error carries the whole URL with it.
  if (!url.includes("://") || !URL.canParse(single)) throw new ConfigError(`Cannot connect to a malformed Postgres URL: ${EXPECTED}`);
  return { url: new URL(single), hosts };
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // As above: no cause, because it would hold the text.
    throw new ConfigError(`Cannot connect to a Postgres URL whose ${what} is not percent-encoded: write % as %25`);
  }
}
