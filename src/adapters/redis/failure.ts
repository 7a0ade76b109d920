/** What is known of an error of the driver. */
export interface Failure {
  /** What went wrong, for people. */
  readonly reason: string;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** Whether it is certain that the call had no effect. */
  readonly untouched: boolean;
  /** Whether the server only has to be given the script's text. */
  readonly isUnknownScript: boolean;
  /** The driver's error, without the command that failed: its arguments are passwords and people's data. */
  readonly cause: unknown;
}

/** Why a command was not sent: there was no connection, and none came in time. */
export class NotSent extends Error {
  override readonly name = "NotSent";
}

/** Why a command that was sent got no answer: nobody knows how far it had come. */
export class Unanswered extends Error {
  override readonly name = "Unanswered";
}

/**
 * What the server refuses for now, before it changes anything: it looks at these before a script, or at the script's first write. A script that has
 * written once goes on although memory runs out under it.
 */
const PASSING: Readonly<Record<string, string>> = {
  BUSY: "it is busy with a script",
  CLUSTERDOWN: "the cluster is down",
  LOADING: "it is loading its data",
  MASTERDOWN: "it is a replica without its primary",
  MISCONF: "it cannot write to its disk",
  NOREPLICAS: "it has too few replicas",
  OOM: "it is full: raise maxmemory, or delete what is not needed",
  READONLY: "it is a replica, which takes no writes",
  TRYAGAIN: "the slot is on its way to another node",
};

/** What stays refused until somebody changes something; within a script it may come behind a write. */
const LASTING: Readonly<Record<string, string>> = {
  ASK: "it is a node of a cluster: connect with cluster: true",
  MOVED: "it is a node of a cluster: connect with cluster: true",
  NOAUTH: "it asks for a password",
  NOPERM: "the user lacks a permission",
  WRONGPASS: "the user or the password is wrong",
  WRONGTYPE: "a key of the namespace holds something else: did another program write it?",
};

/** What passes by itself when a connection does not come about, as Node's errors name it. */
const PASSING_CODES = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EAI_AGAIN", "ENETUNREACH", "EHOSTUNREACH", "EMFILE"]);

/** Reads the error of a command. What the server refused by a word of {@link PASSING} has had no effect. */
export function redisFailure(error: unknown): Failure {
  const cause = withoutCommand(error);
  if (error instanceof NotSent || error instanceof Unanswered) {
    const untouched = error instanceof NotSent;
    return { reason: error.message, retryable: true, untouched, isUnknownScript: false, cause: withoutCommand(error.cause) ?? error };
  }
  const reason = textOf(cause);
  if (!isRefusal(error)) return { reason, retryable: true, untouched: false, isUnknownScript: false, cause };
  const code = isForbidden(reason) ? "NOPERM" : /^[A-Z]+/.exec(reason)?.[0] ?? "";
  const passing = PASSING[code];
  const told = passing ?? LASTING[code];
  return {
    reason: told === undefined ? `the server refused it: ${reason}` : `${told} (${reason})`,
    retryable: passing !== undefined,
    untouched: passing !== undefined,
    isUnknownScript: code === "NOSCRIPT",
    cause,
  };
}

/** Reads why a connection did not come about. */
export function connectFailure(error: unknown): Pick<Failure, "reason" | "retryable" | "cause"> {
  if (isRefusal(error) || error instanceof NotSent) return redisFailure(error);
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  const reason = textOf(error);
  // Neither a name that nobody knows nor a certificate that nobody trusts gets better by itself.
  const retryable = code === "" || PASSING_CODES.has(code);
  return { reason: code === "" || reason.includes(code) ? reason : `${reason} (${code})`, retryable, cause: withoutCommand(error) };
}

/** Whether the driver says only that it gave up: the cause came as an event, if at all. */
export function isVague(error: unknown): boolean {
  return /Connection is closed|^(?:Reached the max retries|Stream isn't writeable|Cluster isn't ready)/.test(textOf(error));
}

/** What an error says, also where it is made of several, as when a name has more than one address. */
export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.message === "") return error.errors.map(textOf).join("; ");
  return error.message === "" ? error.name : error.message;
}

/** What a user may not do within a script the server tells as an ordinary error of the script. */
function isForbidden(reason: string): boolean {
  return /ACL failure in script|The user executing the script can't/.test(reason);
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === "ReplyError";
}

function withoutCommand(error: unknown): unknown {
  if (!(error instanceof Error) || !("command" in error)) return error;
  const { name, message } = error;
  return Object.assign(new Error(message), { name });
}
