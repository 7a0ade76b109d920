import type { Envelope } from "../model/envelope.ts";
import type { TaskContext } from "./context.ts";

/**
 * Code around every enqueue and every run: tracing, metrics, tenancy, validation. The first in the list is the outermost.
 * What it throws fails the enqueue, or counts as a failure of the attempt.
 */
export interface Middleware {
  /**
   * Sees each envelope before it is published, and passes it on, changed if need be; the id must stay. Linked tasks are seen when the task
   * that they follow is enqueued.
   */
  onEnqueue?(envelope: Envelope, next: (envelope: Envelope) => Promise<void>): Promise<void>;
  /** Runs around the handler; returns what `next` returned, or a result of its own. */
  onExecute?(context: TaskContext, next: () => Promise<unknown>): Promise<unknown>;
}

/** Runs a handler inside the middleware. */
export function execute(middleware: readonly Middleware[], context: TaskContext, handler: () => unknown): unknown {
  // Without middleware a synchronous handler costs no promise.
  if (middleware.length === 0) return handler();
  let next = async (): Promise<unknown> => await handler();
  for (const layer of middleware.toReversed()) {
    const { onExecute } = layer;
    if (onExecute === undefined) continue;
    const inner = next;
    next = () => onExecute.call(layer, context, inner);
  }
  return next();
}

/** Passes an envelope through the middleware. Answers `undefined` when a layer did not pass it on. */
export async function intercept(middleware: readonly Middleware[], envelope: Envelope): Promise<Envelope | undefined> {
  let passed: Envelope | undefined;
  let next = (last: Envelope): Promise<void> => {
    passed = last;
    return Promise.resolve();
  };
  for (const layer of middleware.toReversed()) {
    const { onEnqueue } = layer;
    if (onEnqueue === undefined) continue;
    const inner = next;
    next = (changed) => onEnqueue.call(layer, changed, inner);
  }
  await next(envelope);
  return passed;
}
