/**
 * The errors this library throws. The family is small on purpose: each member is there because a caller can act on it.
 *
 * Messages name the action that failed and the state that made it fail. {@link StemError.code} is stable; messages are not.
 *
 * @module
 */

/** The stable code of each error class; `docs/errors.md` has a section for each. */
export type StemErrorCode =
  | "CONFIG"
  | "UNSUPPORTED"
  | "CONFLICT"
  | "CLOSED"
  | "STORE"
  | "MIGRATION"
  | "PAYLOAD"
  | "UNKNOWN_TASK"
  | "TASK_FAILED"
  | "TASK_REVOKED"
  | "TIMEOUT";

/** Options common to every error of the family. */
export interface StemErrorOptions {
  /** Whether the same call may succeed when it is made again unchanged. @default false */
  readonly retryable?: boolean;
  /** What led to this error: a driver's error, a handler's throw. */
  readonly cause?: unknown;
}

// A registered symbol, so that an error thrown by another copy of the package is still recognised.
const brand: unique symbol = Symbol.for("@stem/stem/error") as never;

/**
 * The root of every error thrown by this library.
 *
 * @example
 * ```ts
 * import { StemError } from "@stem/stem";
 *
 * try {
 *   throw new TypeError("not ours");
 * } catch (error) {
 *   if (StemError.is(error) && error.retryable) console.log(error.code);
 * }
 * ```
 */
export class StemError extends Error {
  /** What kind of failure this is; stable across versions. */
  readonly code: StemErrorCode;
  /** Whether the same call may succeed when it is made again unchanged. */
  readonly retryable: boolean;

  /** Makes an error of the given kind. */
  constructor(code: StemErrorCode, message: string, options: StemErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.retryable = options.retryable ?? false;
    Object.defineProperty(this, brand, { value: true });
  }

  /** Tells whether a caught value is an error of this family, also when another copy of the package threw it. */
  static is(value: unknown): value is StemError {
    return value instanceof Error && brand in value;
  }
}

/** A value that the caller gave cannot be used: an option, a URL, an id, a duration. Fix the call; repeating it cannot help. */
export class ConfigError extends StemError {
  /** Makes the error; `message` names the value and what was expected. */
  constructor(message: string, options: StemErrorOptions = {}) {
    super("CONFIG", message, options);
  }
}

/** The chosen store or runtime cannot do what was asked; `adapter.supports` says so beforehand. */
export class UnsupportedError extends StemError {
  /** Makes the error; `message` names the store and the missing capability. */
  constructor(message: string, options: StemErrorOptions = {}) {
    super("UNSUPPORTED", message, options);
  }
}

/** Somebody else changed the entry first: read it again and decide anew. */
export class ConflictError extends StemError {
  /** Makes the error; `message` names the entry, the expected and the found version. */
  constructor(message: string, options: StemErrorOptions = {}) {
    super("CONFLICT", message, options);
  }
}

/** The object was closed before the call, or while the call waited. */
export class ClosedError extends StemError {
  /** Makes the error; `message` names the object. */
  constructor(message: string, options: StemErrorOptions = {}) {
    super("CLOSED", message, options);
  }
}

/** What a {@link StoreError} tells about the failed call. */
export interface StoreErrorOptions extends StemErrorOptions {
  /** Which adapter failed: `"memory"`, `"sqlite"`, `"postgres"`, `"redis"`, or a third party's name. */
  readonly adapter: string;
  /** Which operation failed, by its contract's name: `"publish"`, `"claim"`, `"connect"`. */
  readonly operation: string;
}

/** A store failed: its driver's error is the `cause`, never thrown bare. */
export class StoreError extends StemError {
  /** Which adapter failed. */
  readonly adapter: string;
  /** Which operation failed. */
  readonly operation: string;

  /** Wraps a driver's error. */
  constructor(message: string, options: StoreErrorOptions) {
    super("STORE", message, options);
    this.adapter = options.adapter;
    this.operation = options.operation;
  }
}

/** The database's schema is behind, ahead of, or different from what this version of the library needs. */
export class MigrationError extends StemError {
  /** Makes the error; `message` names the database's and the library's versions. */
  constructor(message: string, options: StemErrorOptions = {}) {
    super("MIGRATION", message, options);
  }
}

/** A payload cannot be encoded or decoded: a value that JSON cannot carry, an unknown encoder id, a wrong key. */
export class PayloadError extends StemError {
  /** Makes the error; `message` names the place inside the payload and what stands there. */
  constructor(message: string, options: StemErrorOptions = {}) {
    super("PAYLOAD", message, options);
  }
}

/** No task of that name is registered in this process. */
export class UnknownTaskError extends StemError {
  /** The name that was asked for. */
  readonly taskName: string;

  /** Makes the error for a task name. */
  constructor(taskName: string, options: StemErrorOptions = {}) {
    super("UNKNOWN_TASK", `Cannot find task "${taskName}": it is not registered in this process`, options);
    this.taskName = taskName;
  }
}

/** A task ended as failed; thrown to whoever awaits its result. */
export class TaskFailedError extends StemError {
  /** Which task failed. */
  readonly taskId: string;

  /** Makes the error; the recorded failure becomes the `cause`. */
  constructor(taskId: string, message: string, options: StemErrorOptions = {}) {
    super("TASK_FAILED", message, options);
    this.taskId = taskId;
  }
}

/** Options of {@link TaskRevokedError}. */
export interface TaskRevokedErrorOptions extends StemErrorOptions {
  /** Who asked for it. @default nobody was named */
  readonly requestedBy?: string | undefined;
}

/** A task was revoked: the reason of an aborted `ctx.signal`, and what is thrown to whoever awaits its result. */
export class TaskRevokedError extends StemError {
  /** Which task was revoked. */
  readonly taskId: string;
  /** Why, in the words of who revoked it; `undefined` when none were given. */
  readonly reason: string | undefined;
  /** Who revoked it; `undefined` when nobody was named. */
  readonly requestedBy: string | undefined;

  /** Makes the error for a task id. */
  constructor(taskId: string, reason?: string, options: TaskRevokedErrorOptions = {}) {
    super("TASK_REVOKED", `Task "${taskId}" was revoked${reason === undefined ? "" : `: ${reason}`}`, options);
    this.taskId = taskId;
    this.reason = reason;
    this.requestedBy = options.requestedBy;
  }
}

/** Something did not happen within its deadline. */
export class TimeoutError extends StemError {
  /** How long was waited, in milliseconds. */
  readonly timeoutMs: number;

  /** Makes the error; `message` names what was awaited. */
  constructor(message: string, timeoutMs: number, options: StemErrorOptions = {}) {
    super("TIMEOUT", message, { retryable: true, ...options });
    this.timeoutMs = timeoutMs;
  }
}
