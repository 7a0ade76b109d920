/** Data that goes with a log line: ids, counts, durations, errors. Never passwords. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where the library reports what nobody awaits: a lost connection, a listener that threw, a task it skipped. */
export interface Logger {
  /** Details that help while developing. */
  debug(message: string, fields?: LogFields): void;
  /** What happened in the normal course. */
  info(message: string, fields?: LogFields): void;
  /** Something went wrong and was handled. */
  warn(message: string, fields?: LogFields): void;
  /** Something went wrong and needs a person. */
  error(message: string, fields?: LogFields): void;
}

/** Drops debug and info lines, and writes warnings and errors to the console: the default everywhere. */
export const consoleLogger: Logger = Object.freeze({
  debug() {},
  info() {},
  warn(message: string, fields?: LogFields) {
    if (fields === undefined) console.warn(message);
    else console.warn(message, fields);
  },
  error(message: string, fields?: LogFields) {
    if (fields === undefined) console.error(message);
    else console.error(message, fields);
  },
});
