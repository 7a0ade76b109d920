import type { MaybePromise } from "../async/maybe-promise.ts";
import { isPromiseLike } from "../async/maybe-promise.ts";
import type { EncodedPayload, EncoderRegistry } from "../encoding/registry.ts";
import { ClosedError, ConflictError, PayloadError, StemError, TimeoutError, UnknownTaskError } from "../errors.ts";
import { DEAD_LETTER_REASONS } from "../model/delivery.ts";
import type { Envelope } from "../model/envelope.ts";
import { ARGS_ENCODER_META } from "../model/envelope.ts";
import { validateInput } from "../tasks/input.ts";
import type { Middleware } from "../tasks/middleware.ts";
import { execute } from "../tasks/middleware.ts";
import type { TaskRegistry } from "../tasks/registry.ts";
import type { AnyTask } from "../tasks/task.ts";
import type { Ending } from "./ending.ts";
import { stoppedBy } from "./ending.ts";
import type { HeldTask } from "./held-task.ts";
import type { ContextSources } from "./run-context.ts";
import { RunContext } from "./run-context.ts";

/** What running tasks needs. */
export interface ExecutorOptions extends ContextSources {
  /** Finds handlers. */
  readonly registry: TaskRegistry;
  /** Decodes arguments, encodes results. */
  readonly encoders: EncoderRegistry;
  /** Code around every run. */
  readonly middleware: readonly Middleware[];
  /** How often a delivery may be handed out before it is given up as poison. */
  readonly maxDeliveries: number;
  /** Hears of each handler that begins. */
  readonly onBegin: (held: HeldTask) => void;
}

/**
 * Runs one held task to its end. Never throws or rejects: whatever goes wrong is an {@link Ending}, so that nothing cycles for ever.
 * Where handler and encoders are synchronous there is no promise either.
 */
export function runTask(held: HeldTask, options: ExecutorOptions): MaybePromise<Ending> {
  const barred = barredFrom(held, options);
  if (barred !== undefined) return ended(held, barred);
  const { envelope } = held.delivery;
  const task = options.registry.find(envelope.name);
  if (task === undefined) return ended(held, refused(DEAD_LETTER_REASONS.unregistered, new UnknownTaskError(envelope.name)));
  const run = (args: unknown): MaybePromise<Ending> => runWith(held, { task, args }, options);
  const unreadable = (error: unknown): Ending => ended(held, unusable(DEAD_LETTER_REASONS.payload, error));
  let args: unknown;
  try {
    args = readArgs(envelope, task, options.encoders);
  } catch (error) {
    return unreadable(error);
  }
  return isPromiseLike(args) ? Promise.resolve(args).then(run, unreadable) : run(args);
}

interface Work {
  readonly task: AnyTask;
  readonly args: unknown;
}

type HandlerEnd =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "thrown"; readonly thrown: unknown }
  | { readonly kind: "abandoned" };

function runWith(held: HeldTask, work: Work, options: ExecutorOptions): MaybePromise<Ending> {
  // Reading the arguments may have taken a while.
  if (held.abortReason !== undefined) return ended(held, stoppedBy(held.abortReason));
  const context = new RunContext(held, options);
  held.begin();
  options.onBegin(held);
  const end = runHandler(held, () => execute(options.middleware, context, () => work.task.run(context, work.args)));
  return end instanceof Promise ? end.then((settled) => concluded(held, settled, work, options)) : concluded(held, end, work, options);
}

function concluded(held: HeldTask, end: HandlerEnd, { task }: Work, { encoders }: ExecutorOptions): MaybePromise<Ending> {
  held.finish();
  return interpret(held, end, task, encoders);
}

function barredFrom(held: HeldTask, options: ExecutorOptions): Ending | undefined {
  const { envelope, deliveryCount, claimedAt } = held.delivery;
  if (held.abortReason !== undefined) return stoppedBy(held.abortReason);
  if (deliveryCount > options.maxDeliveries) {
    const times = `${deliveryCount - 1} workers held it and none settled it`;
    return refused(DEAD_LETTER_REASONS.poison, new ConflictError(`Cannot run task "${envelope.name}" (${envelope.id}): ${times}`));
  }
  if (envelope.expiresAt === undefined || envelope.expiresAt > claimedAt) return undefined;
  return {
    kind: "cancelled",
    error: new TimeoutError("expired before it could start", Math.max(0, envelope.expiresAt - envelope.enqueuedAt)),
  };
}

function readArgs(envelope: Envelope, task: AnyTask, encoders: EncoderRegistry): unknown {
  const args = encoders.decodeArgs(envelope.args, envelope.meta[ARGS_ENCODER_META]);
  if (task.input === undefined) return args;
  return isPromiseLike(args) ? args.then((decoded) => validateInput(task, decoded)) : validateInput(task, args);
}

function runHandler(held: HeldTask, work: () => unknown): MaybePromise<HandlerEnd> {
  let running: unknown;
  try {
    running = work();
  } catch (thrown) {
    return { kind: "thrown", thrown };
  }
  // Anything with `then` is awaited, as `await` does: query builders and promises of other realms too.
  if (!isPromiseLike(running)) return { kind: "value", value: running };
  const promise = Promise.resolve(running);
  return new Promise((resolve) => {
    held.onAbandoned(() => resolve({ kind: "abandoned" }));
    promise.then((value) => resolve({ kind: "value", value }), (thrown: unknown) => resolve({ kind: "thrown", thrown }));
  });
}

function interpret(held: HeldTask, end: HandlerEnd, task: AnyTask, encoders: EncoderRegistry): MaybePromise<Ending> {
  const reason = held.abortReason;
  // A result that came in time counts although the worker is shutting down; after any other abort it is too late.
  if (reason !== undefined && !(reason instanceof ClosedError && end.kind === "value")) return stoppedBy(reason);
  if (end.kind === "abandoned") return { kind: "put-back", delayMs: 0 };
  if (end.kind === "thrown") return { kind: "threw", thrown: end.thrown };
  if (held.delivery.envelope.ignoreResult === true) return { kind: "returned" };
  try {
    const encoded = encoders.encodeResult(end.value, task.metadata);
    return encoded instanceof Promise ? encoded.then(returned, unencodable) : returned(encoded);
  } catch (error) {
    return unencodable(error);
  }
}

function returned({ value, encoderId }: EncodedPayload): Ending {
  return { kind: "returned", payload: value, encoderId };
}

function unencodable(error: unknown): Ending {
  return unusable(DEAD_LETTER_REASONS.result, error);
}

/** An encoder whose key service is away says that trying again may help; otherwise it cannot. */
function unusable(reason: string, error: unknown): Ending {
  return StemError.is(error) && error.retryable ? { kind: "threw", thrown: error } : refused(reason, error);
}

function refused(reason: string, error: unknown): Ending {
  return { kind: "refused", reason, error: error instanceof Error ? error : new PayloadError(String(error)) };
}

function ended(held: HeldTask, ending: Ending): Ending {
  held.finish();
  return ending;
}
