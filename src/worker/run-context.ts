import type { ResultBackend } from "../contracts/result-backend.ts";
import { assertJson } from "../model/json-value.ts";
import type { Envelope } from "../model/envelope.ts";
import { traceHeaders } from "../producer/envelope-builder.ts";
import type { Stem } from "../producer/stem.ts";
import type { TaskContext } from "../tasks/context.ts";
import type { RetryOptions } from "../tasks/signals.ts";
import { RejectSignal, RetrySignal } from "../tasks/signals.ts";
import type { Task } from "../tasks/task.ts";
import type { CallParameters } from "../tasks/task-call.ts";
import type { HeldTask } from "./held-task.ts";

/** What contexts of one worker have in common. */
export interface ContextSources {
  /** The worker's id. */
  readonly workerId: string;
  /** Enqueues children. */
  readonly stem: Stem;
  /** Keeps progress. */
  readonly backend: ResultBackend;
}

/** The context of one run; see {@link TaskContext}. */
export class RunContext implements TaskContext {
  readonly #held: HeldTask;
  readonly #sources: ContextSources;

  /** Made by the executor for each run. */
  constructor(held: HeldTask, sources: ContextSources) {
    this.#held = held;
    this.#sources = sources;
  }

  get envelope(): Envelope {
    return this.#held.delivery.envelope;
  }
  get id(): string {
    return this.envelope.id;
  }
  get name(): string {
    return this.envelope.name;
  }
  get queue(): string {
    return this.envelope.queue;
  }
  get attempt(): number {
    return this.envelope.attempt;
  }
  get maxAttempts(): number {
    return this.envelope.maxRetries + 1;
  }
  get redelivered(): boolean {
    return this.#held.delivery.redelivered;
  }
  get token(): number {
    return this.#held.delivery.token;
  }
  get headers(): Readonly<Record<string, string>> {
    return this.envelope.headers;
  }
  get meta(): Readonly<Record<string, unknown>> {
    return this.envelope.meta;
  }
  get parentId(): string | undefined {
    return this.envelope.parentId;
  }
  get rootId(): string {
    return this.envelope.rootId ?? this.id;
  }
  get workerId(): string {
    return this.#sources.workerId;
  }
  get signal(): AbortSignal {
    return this.#held.signal;
  }
  get softLimit(): AbortSignal {
    return this.#held.softLimit;
  }

  async progress(value: unknown): Promise<void> {
    assertJson(value, `the progress of task "${this.name}"`);
    // Another worker's progress, or the end that is on record, must not be painted over.
    this.#held.requireHeld("report progress");
    await this.#sources.backend.set(this.id, "running", { attempt: this.attempt, progress: value, worker: this.workerId });
  }

  retry(options?: RetryOptions): never {
    throw new RetrySignal(options);
  }

  reject(reason?: string): never {
    throw new RejectSignal(reason);
  }

  async enqueue<Input>(task: Task<Input> | string, ...[call]: CallParameters<NoInfer<Input>>): Promise<string> {
    const { stem } = this.#sources;
    const lineage = { parentId: this.id, rootId: this.rootId, headers: traceHeaders(this.headers) };
    const { id } = await stem.enqueueChild({ task, ...call }, lineage);
    return id;
  }
}
