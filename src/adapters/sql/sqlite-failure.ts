import type { Failure } from "./driver.ts";
import { driverError, textField } from "./error-chain.ts";

const BUSY = /^SQLITE_(?:BUSY|LOCKED)/;
const PASSING = /^SQLITE_(?:BUSY|LOCKED|FULL|IOERR|NOMEM|PROTOCOL|INTERRUPT)/;

const HINTS: Readonly<Record<string, string>> = {
  SQLITE_CANTOPEN: "the file, or its folder, cannot be opened for writing",
  SQLITE_READONLY: "the file, or its folder, cannot be written",
  SQLITE_NOTADB: "the file is no SQLite database",
  SQLITE_BUSY: "another process has held the database for longer than busyTimeout",
};

/** Whether an error says that another connection holds the database. */
export function isBusy(error: unknown): boolean {
  return BUSY.test(codeOf(driverError(error)));
}

/** Reads an error of libsql. A statement that failed wrote nothing. */
export function sqliteFailure(error: unknown): Failure {
  const cause = driverError(error);
  const code = codeOf(cause);
  const message = (cause instanceof Error ? cause.message : String(cause)) || code;
  const hint = HINTS[code] ?? (message.includes("no such table") ? 'the tables are missing: connect with migrate: "auto"' : undefined);
  return {
    reason: hint === undefined ? message : `${message}; ${hint}`,
    retryable: PASSING.test(code),
    untouched: BUSY.test(code),
    cause,
  };
}

function codeOf(error: unknown): string {
  return textField(error, "code") ?? "";
}
