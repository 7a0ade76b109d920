import type { MaybePromise } from "../async/maybe-promise.ts";
import type { EncoderRegistry } from "../encoding/registry.ts";
import { ClosedError, ConflictError, PayloadError, TaskRevokedError, TimeoutError, UnknownTaskError } from "../errors.ts";
import { DEAD_LETTER_REASONS } from "../model/delivery.ts";
import type { Envelope } from "../model/envelope.ts";
import { ARGS_ENCODER_META } from "../model/envelope.ts";
import { validateInput } from "../tasks/input.ts";
import type { Middleware } from "../tasks/middleware.ts";
import { execute } from "../tasks/middleware.ts";
import type { TaskRegistry } from "../tasks/registry.ts";
import type { AnyTask } from "../tasks/task.ts";
import type { Ending } from "./ending.ts";
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
}

/** Runs one held task to its end. Never rejects: whatever goes wrong is an {@link Ending}, so that nothing cycles for ever. */
export async function runTask(held: HeldTask, options: ExecutorOptions): Promise<Ending> {
  const barred = barredFrom(held, options);
  if (barred !== undefined) return barred;
  const { envelope } = held.delivery;
  const task = options.registry.find(envelope.name);
  if (task === undefined) return refused(DEAD_LETTER_REASONS.unregistered, new UnknownTaskError(envelope.name));
  let args: unknown;
  try {
    args = await readArgs(envelope, task, options.encoders);
  } catch (error) {
    return refused(DEAD_LETTER_REASONS.payload, error);
  }
  const context = new RunContext(held, options);
  held.startLimits();
  const end = await runHandler(held, () => execute(options.middleware, context, () => task.run(context, args)));
  held.finish();
  return await interpret(held, end, task, options.encoders);
}

type HandlerEnd =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "thrown"; readonly thrown: unknown }
  | { readonly kind: "abandoned" };

function barredFrom(held: HeldTask, options: ExecutorOptions): Ending | undefined {
  const { envelope, deliveryCount, claimedAt } = held.delivery;
  if (held.signal.aborted) return stoppedBy(held.signal.reason);
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

async function readArgs(envelope: Envelope, task: AnyTask, encoders: EncoderRegistry): Promise<unknown> {
  const encoder = envelope.meta[ARGS_ENCODER_META];
  const args = await encoders.decodeArgs(envelope.args, typeof encoder === "string" ? encoder : undefined);
  return task.input === undefined ? args : await validateInput(task, args);
}

function runHandler(held: HeldTask, work: () => unknown): MaybePromise<HandlerEnd> {
  let running: unknown;
  try {
    running = work();
  } catch (thrown) {
    return { kind: "thrown", thrown };
  }
  if (!(running instanceof Promise)) return { kind: "value", value: running };
  return new Promise((resolve) => {
    held.onAbandoned(() => resolve({ kind: "abandoned" }));
    running.then((value) => resolve({ kind: "value", value }), (thrown) => resolve({ kind: "thrown", thrown }));
  });
}

async function interpret(held: HeldTask, end: HandlerEnd, task: AnyTask, encoders: EncoderRegistry): Promise<Ending> {
  // A result that came in time counts although the worker is shutting down; after any other abort it is too late.
  const inTime = !held.signal.aborted || (held.signal.reason instanceof ClosedError && end.kind === "value");
  if (!inTime) return stoppedBy(held.signal.reason);
  if (end.kind === "abandoned") return { kind: "put-back", delayMs: 0 };
  if (end.kind === "thrown") return { kind: "threw", thrown: end.thrown };
  try {
    const { value, encoderId } = await encoders.encodeResult(end.value, task.metadata);
    return { kind: "returned", payload: value, encoderId };
  } catch (error) {
    return refused(DEAD_LETTER_REASONS.result, error);
  }
}

function stoppedBy(reason: unknown): Ending {
  if (reason instanceof ConflictError) return { kind: "lost" };
  if (reason instanceof TaskRevokedError) return { kind: "cancelled", error: reason };
  if (reason instanceof ClosedError) return { kind: "put-back", delayMs: 0 };
  return { kind: "threw", thrown: reason };
}

function refused(reason: string, error: unknown): Ending {
  return { kind: "refused", reason, error: error instanceof Error ? error : new PayloadError(String(error)) };
}
