import { TaskFailedError, TaskRevokedError } from "../errors.ts";
import type { ResultBackend, WaitOptions } from "../contracts/result-backend.ts";
import type { EncoderRegistry } from "../encoding/registry.ts";
import { NO_REASON } from "../model/owed.ts";
import { fromFailure } from "../model/task-failure.ts";
import type { TaskStatus } from "../model/task-status.ts";
import { RESULT_ENCODER_META } from "../model/task-status.ts";
import type { RevokeOptions, RevokeOutcome } from "./revoking.ts";

/** What a handle reads and acts through. */
export interface HandleSources {
  /** Where statuses are kept. */
  readonly backend: ResultBackend;
  /** Decodes results. */
  readonly encoders: EncoderRegistry;
  /** Revokes the task. */
  readonly revoke: (taskId: string, options: RevokeOptions) => Promise<RevokeOutcome>;
}

/** One task, seen from anywhere: its status, its progress, its result. */
export class TaskHandle<Result = unknown> {
  /** The task's id. */
  readonly id: string;
  /** False when a task of that id was known already, and this call changed nothing. */
  readonly accepted: boolean;
  readonly #sources: HandleSources;

  /** Made by `stem.enqueue()` and `stem.handle()`. */
  constructor(id: string, accepted: boolean, sources: HandleSources) {
    this.id = id;
    this.accepted = accepted;
    this.#sources = sources;
  }

  /** Reads the task's status; `undefined` when none is known, or it has expired. */
  status(): Promise<TaskStatus | undefined> {
    return this.#sources.backend.get(this.id);
  }

  /** Follows the task: its status now, then each change, until it has ended or the signal aborts. */
  watch(options: { readonly signal?: AbortSignal } = {}): AsyncIterable<TaskStatus> {
    return this.#sources.backend.watch(this.id, options);
  }

  /**
   * Waits for the task's end, in whichever process it runs, and returns its result.
   *
   * @throws {TaskFailedError} when it failed for good; the recorded error is the cause.
   * @throws {TaskRevokedError} when it was cancelled.
   * @throws {TimeoutError} when it did not end within `timeout`; the task itself goes on.
   * @throws {PayloadError} when the result cannot be decoded here.
   */
  async result(options: WaitOptions = {}): Promise<Result> {
    const status = await this.#sources.backend.waitFor(this.id, options);
    return await this.#unwrap(status);
  }

  /**
   * Has the task not run, or with `terminate` not go on; see {@link Stem.revoke}.
   *
   * @throws {ConfigError} when there is no revoke store, or an option cannot be used.
   */
  revoke(options: RevokeOptions = {}): Promise<RevokeOutcome> {
    return this.#sources.revoke(this.id, options);
  }

  async #unwrap(status: TaskStatus): Promise<Result> {
    const { error } = status;
    if (status.state === "failed") {
      const cause = error === undefined ? {} : { cause: fromFailure(error) };
      throw new TaskFailedError(this.id, `Task "${this.id}" failed: ${error?.message ?? "no reason was recorded"}`, cause);
    }
    if (status.state === "cancelled") {
      throw new TaskRevokedError(this.id, error?.message === NO_REASON ? undefined : error?.message, { requestedBy: error?.requestedBy });
    }
    const encoderId = status.meta[RESULT_ENCODER_META];
    // A task whose result nobody wants keeps neither: that is no result, and not one that cannot be read.
    const isEmpty = status.payload === undefined && encoderId === undefined;
    const value = isEmpty ? undefined : await this.#sources.encoders.decodeResult(status.payload, encoderId);
    // The type is the task's word: what its handler returned went through the encoder and back.
    return value as Result;
  }
}
