import { decodeUrlPart, parseServerUrl } from "../server-url.ts";

const FORM = {
  what: "Postgres",
  schemes: ["postgres", "postgresql"],
  expected: "expected postgres://user:password@host:port/database",
} as const;

/**
 * Checks a Postgres URL before the driver sees it, because the driver's own errors would show the password.
 *
 * @returns how error messages name the database: without password and parameters.
 * @throws {ConfigError} when it cannot be used; the message holds nothing of the URL but its scheme.
 */
export function describePostgresUrl(text: string): string {
  // Several hosts are the driver's own extension: they are read with only the first one.
  const { url, hosts } = parseServerUrl(text, FORM);
  const user = decodeUrlPart(url.username, "user name", FORM);
  decodeUrlPart(url.password, "password", FORM);
  const database = decodeUrlPart(url.pathname.slice(1), "database name", FORM);
  return `postgres://${user === "" ? "" : `${user}@`}${hosts.join(",")}/${database}`;
}
