import { StemError } from "../errors.ts";

/** What is kept of an error that ended an attempt. Plain data: it survives every store. */
export interface TaskFailure {
  /** The error's class name, such as `"TypeError"`; `"NonError"` when something else was thrown. */
  readonly name: string;
  /** The error's message. */
  readonly message: string;
  /** The stable code when it was a {@link StemError}, or a string `code` that the error carried. */
  readonly code?: string;
  /** The stack as text, at most 8,000 characters. */
  readonly stack?: string;
  /** Who asked for it, of a task that was cancelled; absent when nobody was named. */
  readonly requestedBy?: string;
  /** The error's cause, one level deep. */
  readonly cause?: { readonly name: string; readonly message: string };
}

const MAX_TEXT = 8_000;

/** Makes the storable record of anything that a handler may throw, errors and non-errors alike. Never throws itself. */
export function toFailure(thrown: unknown): TaskFailure {
  if (!(thrown instanceof Error)) return { name: "NonError", message: cut(describe(thrown)) };
  const code = StemError.is(thrown) ? thrown.code : stringCode(thrown);
  return {
    name: thrown.name,
    message: cut(thrown.message),
    ...(code === undefined ? {} : { code }),
    ...(typeof thrown.stack === "string" ? { stack: cut(thrown.stack) } : {}),
    ...(thrown.cause instanceof Error ? { cause: { name: thrown.cause.name, message: cut(thrown.cause.message) } } : {}),
  };
}

function stringCode(error: Error): string | undefined {
  const code = "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

function describe(thrown: unknown): string {
  try {
    return typeof thrown === "object" && thrown !== null ? JSON.stringify(thrown) : String(thrown);
  } catch {
    // A value whose own conversion throws still has to be recorded as something.
    return Object.prototype.toString.call(thrown);
  }
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

/** Makes an error again of what was kept of it: for `cause`, so that logs show what happened in the other process. */
export function fromFailure(failure: TaskFailure): Error {
  const cause = failure.cause === undefined ? undefined : { cause: fromFailure(failure.cause) };
  const error = new Error(failure.message, cause);
  error.name = failure.name;
  if (failure.stack !== undefined) error.stack = failure.stack;
  return error;
}
