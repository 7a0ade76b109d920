import type { Failure } from "./driver.ts";
import { driverError, textField } from "./error-chain.ts";

// libsql names some errors by their extended code, others by a number, and @libsql/client by what it calls "code" and SQLite the primary one.
const NAMES: ReadonlyMap<number, string> = new Map([
  [5, "SQLITE_BUSY"],
  [6, "SQLITE_LOCKED"],
  [7, "SQLITE_NOMEM"],
  [8, "SQLITE_READONLY"],
  [9, "SQLITE_INTERRUPT"],
  [10, "SQLITE_IOERR"],
  [13, "SQLITE_FULL"],
  [14, "SQLITE_CANTOPEN"],
  [15, "SQLITE_PROTOCOL"],
  [26, "SQLITE_NOTADB"],
]);

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
  return BUSY.test(sqliteCode(driverError(error)));
}

/** Reads an error of libsql. A statement that failed wrote nothing. */
export function sqliteFailure(error: unknown): Failure {
  const cause = driverError(error);
  const code = sqliteCode(cause);
  const message = (cause instanceof Error ? cause.message : String(cause)) || code;
  const hint = HINTS[code] ?? (message.includes("no such table") ? 'the tables are missing: connect with migrate: "auto"' : undefined);
  return {
    reason: hint === undefined ? message : `${message}; ${hint}`,
    retryable: PASSING.test(code),
    untouched: BUSY.test(code),
    cause,
  };
}

/** The primary code of an error, by its name; "" when it has none. */
export function sqliteCode(error: unknown): string {
  const raw = typeof error === "object" && error !== null && "rawCode" in error && typeof error.rawCode === "number" ? error.rawCode : 0;
  return NAMES.get(raw & 0xff) ?? textField(error, "code") ?? "";
}
