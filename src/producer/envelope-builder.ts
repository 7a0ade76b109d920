import { ConfigError } from "../errors.ts";
import { assertJson } from "../encoding/json.ts";
import type { EncoderRegistry } from "../encoding/registry.ts";
import type { Envelope } from "../model/envelope.ts";
import { ARGS_ENCODER_META, envelope } from "../model/envelope.ts";
import { show } from "../model/id.ts";
import { validateInput } from "../tasks/input.ts";
import type { TaskRegistry } from "../tasks/registry.ts";
import type { AnyTask } from "../tasks/task.ts";
import type { LinkedCall, TaskCall } from "../tasks/task-call.ts";
import { defined, envelopeSettings, instantOf } from "../tasks/task-options.ts";
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
 * Makes an envelope of a call: checks and encodes the arguments, applies the task's defaults, then the call's own options.
 *
 * @throws {ConfigError} for an option, {@link PayloadError} for arguments that cannot be used; nothing was written then.
 */
export async function buildEnvelope(sources: EnvelopeSources, call: LinkedCall, lineage?: Lineage): Promise<Envelope> {
  const { clock, registry } = sources;
  const task = typeof call.task === "string" ? registry.find(call.task) : call.task;
  const name = typeof call.task === "string" ? call.task : call.task.name;
  const id = call.id ?? uuidV7(clock);
  const now = clock.now();
  const encoded = await encodeArgs(sources, task, call.args);
  const settings = envelopeSettings(task ?? {}, call, now);
  if (call.meta !== undefined) assertJson(call.meta, "meta");
  const headers = { ...lineage?.headers, ...call.headers };
  const descent: Lineage = { parentId: id, rootId: lineage?.rootId ?? id, headers: traceHeaders(headers) };
  return envelope(
    defined({
      ...settings,
      ...timing(call),
      id,
      name,
      queue: settings.queue ?? sources.route(name),
      args: encoded.value,
      headers,
      meta: { ...call.meta, [ARGS_ENCODER_META]: encoded.encoderId },
      enqueuedAt: now,
      groupId: call.groupId,
      parentId: lineage?.parentId,
      rootId: lineage?.rootId,
      onSuccess: await buildLinks(sources, call.links?.onSuccess, descent),
      onFailure: await buildLinks(sources, call.links?.onFailure, descent),
    }),
    { clock },
  );
}

// W3C Trace Context and Baggage: the headers that children take over.
const TRACE_HEADERS = ["traceparent", "tracestate", "baggage"];

/** Picks the headers of distributed tracing, which children take over. */
export function traceHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => TRACE_HEADERS.includes(name.toLowerCase())));
}

async function encodeArgs(sources: EnvelopeSources, task: AnyTask | undefined, args: unknown) {
  // Checked here so that the mistake shows where it was made. The worker parses the same input again and gets the schema's output.
  if (task?.input !== undefined) await validateInput(task, args);
  return await sources.encoders.encodeArgs(args, task?.metadata);
}

function timing(call: TaskCall): Pick<Envelope, "delayMs" | "notBefore"> {
  if (call.delay !== undefined && call.eta !== undefined) {
    throw new ConfigError(`Cannot enqueue with both delay ${show(call.delay)} and eta ${show(String(call.eta))}: expected one of them`);
  }
  if (call.delay !== undefined) return { delayMs: durationMs(call.delay, "delay") };
  if (call.eta === undefined) return {};
  return { notBefore: instantOf(new Date(call.eta), 0, "eta") };
}

async function buildLinks(sources: EnvelopeSources, calls: readonly LinkedCall[] | undefined, lineage: Lineage) {
  if (calls === undefined || calls.length === 0) return undefined;
  return await Promise.all(calls.map((call) => buildEnvelope(sources, call, lineage)));
}
