import type { MaybePromise } from "../async/maybe-promise.ts";
import type { EncodedPayload, EncoderRegistry } from "../encoding/registry.ts";
import { ConfigError } from "../errors.ts";
import type { Envelope } from "../model/envelope.ts";
import { ARGS_ENCODER_META, DEFAULT_PRIORITY, DEFAULT_QUEUE } from "../model/envelope.ts";
import { show } from "../model/id.ts";
import { assertJson } from "../model/json-value.ts";
import { validateInput } from "../tasks/input.ts";
import type { TaskRegistry } from "../tasks/registry.ts";
import type { AnyTask } from "../tasks/task.ts";
import type { LinkedCall, NamedCall, TaskCall } from "../tasks/task-call.ts";
import { envelopeSettings, instantOf } from "../tasks/task-options.ts";
import type { Clock } from "../time/clock.ts";
import { durationMs } from "../time/duration.ts";
import { uuidV7 } from "../time/id.ts";
import type { Router } from "./routing.ts";

/** Where a task comes from; all that a child inherits. */
export interface Lineage {
  /** The task that enqueues. */
  readonly parentId: string;
  /** The first task of the lineage. */
  readonly rootId: string;
  /** Trace headers to pass on. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What envelopes are made with. */
export interface EnvelopeSources {
  /** Finds a task's defaults by name. */
  readonly registry: TaskRegistry;
  /** Encodes arguments. */
  readonly encoders: EncoderRegistry;
  /** Finds the queue of tasks that name none. */
  readonly route: Router;
  /** Gives ids and instants. */
  readonly clock: Clock;
}

/**
 * Makes an envelope of a call: checks and encodes the arguments, applies the task's defaults, then the call's own options. There is a promise
 * only where something has to be waited for: an encoder, a schema, linked tasks. Its fields are left for `validateEnvelope` to look at.
 *
 * @throws {ConfigError} for an option, {@link PayloadError} for arguments that cannot be used; nothing was written then.
 */
export function buildEnvelope(sources: EnvelopeSources, call: NamedCall, lineage?: Lineage): MaybePromise<Envelope> {
  const { clock, encoders, registry } = sources;
  const task = typeof call.task === "string" ? registry.find(call.task) : call.task;
  const name = typeof call.task === "string" ? call.task : call.task.name;
  const id = call.id ?? uuidV7(clock);
  const now = clock.now();
  if (call.meta !== undefined) assertJson(call.meta, "meta");
  const settings = envelopeSettings(task ?? {}, call, now);
  const standard = {
    id,
    name,
    queue: settings.queue ?? sources.route(name) ?? DEFAULT_QUEUE,
    headers: lineage === undefined && call.headers === undefined ? {} : { ...lineage?.headers, ...call.headers },
    meta: {},
    priority: settings.priority ?? DEFAULT_PRIORITY,
    attempt: 1,
    maxRetries: settings.maxRetries ?? 0,
    enqueuedAt: now,
  };
  // In this order: adding fields to a spread takes a hundred times as long on Node 20.
  const draft: Mutable<Envelope> = Object.assign(standard, settings);
  setTiming(draft, call);
  const limitKey = call.limitKey ?? task?.limitKey?.(call.args);
  if (limitKey !== undefined) draft.limitKey = limitKey;
  if (call.groupId !== undefined) draft.groupId = call.groupId;
  if (lineage !== undefined) {
    draft.parentId = lineage.parentId;
    draft.rootId = lineage.rootId;
  }
  const finish = (encoded: EncodedPayload): Envelope => {
    draft.meta = call.meta === undefined
      ? { [ARGS_ENCODER_META]: encoded.encoderId }
      : { ...call.meta, [ARGS_ENCODER_META]: encoded.encoderId };
    if (encoded.value !== undefined) draft.args = encoded.value;
    return draft;
  };
  if (task?.input === undefined && call.links === undefined) {
    const encoded = encoders.encodeArgs(call.args, task?.metadata);
    return encoded instanceof Promise ? encoded.then(finish) : finish(encoded);
  }
  return finishLater({ sources, call, task, draft, finish });
}

interface Unfinished {
  readonly sources: EnvelopeSources;
  readonly call: NamedCall;
  readonly task: AnyTask | undefined;
  readonly draft: Mutable<Envelope>;
  readonly finish: (encoded: EncodedPayload) => Envelope;
}

async function finishLater({ sources, call, task, draft, finish }: Unfinished): Promise<Envelope> {
  // Checked here so that the mistake shows where it was made. The worker parses the same input again and gets the schema's output.
  if (task?.input !== undefined) await validateInput(task, call.args);
  const encoded = await sources.encoders.encodeArgs(call.args, task?.metadata);
  const descent: Lineage = { parentId: draft.id, rootId: draft.rootId ?? draft.id, headers: traceHeaders(draft.headers) };
  const build = (calls: readonly LinkedCall[]) =>
    Promise.all(calls.map(async (linked) => {
      if (linked.unique) {
        throw new ConfigError(`Cannot link a unique task: it is published with the end of another one, whatever there is by then`);
      }
      return await buildEnvelope(sources, linked, descent);
    }));
  const { onSuccess = [], onFailure = [] } = call.links ?? {};
  if (onSuccess.length > 0) draft.onSuccess = await build(onSuccess);
  if (onFailure.length > 0) draft.onFailure = await build(onFailure);
  return finish(encoded);
}

// W3C Trace Context and Baggage: the headers that children take over.
const TRACE_HEADERS = ["traceparent", "tracestate", "baggage"];

/** Picks the headers of distributed tracing, which children take over. */
export function traceHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => TRACE_HEADERS.includes(name.toLowerCase())));
}

function setTiming(draft: Mutable<Envelope>, { delay, eta }: TaskCall): void {
  if (delay !== undefined && eta !== undefined) {
    throw new ConfigError(`Cannot enqueue with both delay ${show(delay)} and eta ${show(String(eta))}: expected one of them`);
  }
  if (delay !== undefined) draft.delayMs = durationMs(delay, "delay");
  if (eta !== undefined) draft.notBefore = instantOf(new Date(eta), 0, "eta");
}

type Mutable<Fields> = { -readonly [Key in keyof Fields]: Fields[Key] };
