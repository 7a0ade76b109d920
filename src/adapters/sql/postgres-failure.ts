import type { Failure } from "./driver.ts";
import { driverError, textField } from "./error-chain.ts";

// The server went away, is not up yet, has no room, or undid the transaction for another one's sake.
const PASSING = /^(?:08|40|53|58|57014|57P0|25006|55P03)/;

// No connection came about, so nothing was sent.
const NOT_SENT = new Set(["ECONNREFUSED", "CONNECT_TIMEOUT", "EAI_AGAIN", "ENETUNREACH", "EHOSTUNREACH"]);

// The connection was lost, and nobody knows how far the statement had come.
const UNCERTAIN = new Set(["CONNECTION_CLOSED", "CONNECTION_DESTROYED", "ECONNRESET", "EPIPE", "ETIMEDOUT"]);

const HINTS: Readonly<Record<string, string>> = {
  "42P01": 'the tables are missing: run the migrations, or connect with migrate: "auto"',
  "42703": "the tables are of another version of this library: run the migrations",
  "42501": "the database user lacks a permission",
};

/**
 * Reads an error of postgres.js.
 *
 * What the server refused has no effect. That includes 57P01: a backend that was ended under a statement rejects that one with
 * CONNECTION_CLOSED, and the next one on the connection with a stale 57P01 although it was never sent.
 *
 * A prepared statement is outdated once somebody has changed a column that it gives. The driver prepares it anew by itself, which within a
 * transaction comes too late; when that is run again, it has.
 */
export function postgresFailure(error: unknown): Failure {
  const cause = driverError(error);
  const code = textField(cause, "code") ?? "";
  const refused = /^[0-9A-Z]{5}$/.test(code) && code !== "EPIPE";
  const outdated = code === "26000" || (code === "0A000" && textField(cause, "routine") === "RevalidateCachedQuery");
  return {
    reason: reasonOf(cause, code),
    retryable: NOT_SENT.has(code) || UNCERTAIN.has(code) || outdated || (refused && PASSING.test(code)),
    untouched: NOT_SENT.has(code) || refused,
    taken: code === "23505",
    cause,
  };
}

function reasonOf(cause: unknown, code: string): string {
  const message = (cause instanceof Error ? cause.message : String(cause)) || code;
  const reason = code === "" || message.includes(code) ? message : `${message} (${code})`;
  const hint = HINTS[code];
  return hint === undefined ? reason : `${reason}; ${hint}`;
}
