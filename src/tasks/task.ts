import type { StandardSchemaV1 } from "@standard-schema/spec";
import { ConfigError } from "../errors.ts";
import type { TaskPayloadEncoder } from "../encoding/payload-encoder.ts";
import { validateId } from "../model/id.ts";
import type { TaskLimits } from "./task-limits.ts";
import { validateTaskLimits } from "./task-limits.ts";
import type { TaskDefaults } from "./task-options.ts";
import { validateTaskDefaults } from "./task-options.ts";
import type { TaskContext } from "./context.ts";

/** What a task says about its payloads. */
export interface TaskMetadata {
  /** Encodes the arguments of this task. @default the producer's global encoder */
  readonly argsEncoder?: TaskPayloadEncoder;
  /** Encodes the result of this task. @default the worker's global encoder */
  readonly resultEncoder?: TaskPayloadEncoder;
  /** What the task does, for people. */
  readonly description?: string;
}

/** What {@link task} needs. */
export interface TaskDefinition<Args, Result> extends TaskDefaults, TaskLimits {
  /** The name under which it is enqueued and found: the same in every process. */
  readonly name: string;
  /** By whom or what limits with `by: "key"` are counted apart: asked by the producer, with the arguments as they were given. @default nobody */
  limitKey?(args: Args): string | undefined;
  /** Does the work. What it returns is the task's result; what it throws fails the attempt. */
  run(context: TaskContext, args: Args): Result | Promise<Result>;
  /** Encoders of this task alone, and a description. */
  readonly metadata?: TaskMetadata;
}

/** What {@link task} needs when arguments are checked by a Standard Schema (Zod, Valibot, ArkType, …). */
export interface ValidatedTaskDefinition<Schema extends StandardSchemaV1, Result>
  extends TaskDefinition<StandardSchemaV1.InferOutput<Schema>, Result> {
  /** Checks the arguments when the task is enqueued, and again before it runs, where `run` receives the schema's output. */
  readonly input: Schema;
}

/** A task: a name, a handler and its defaults. `Input` is what is enqueued, `Result` what comes back. */
export interface Task<Input = unknown, Result = unknown> extends TaskDefaults, TaskLimits {
  /** The name under which it is enqueued and found. */
  readonly name: string;
  /** Encoders of this task alone, and a description. */
  readonly metadata: TaskMetadata;
  /** The schema of the arguments; absent when they are not checked. */
  readonly input?: StandardSchemaV1;
  /** By whom or what limits with `by: "key"` are counted apart; absent when the task does not say. */
  limitKey?(args: unknown): string | undefined;
  /** Does the work; called by workers with decoded and checked arguments. */
  run(context: TaskContext, args: unknown): unknown;
  /** Ties the types of arguments and result to the task; never present at run time. */
  readonly types?: { readonly input: Input; readonly result: Result };
}

/** Any task, whatever its types. */
export type AnyTask = Task<unknown, unknown>;

/**
 * Defines a task whose arguments are checked by a schema.
 *
 * @throws {ConfigError} when the name or a default cannot be used.
 */
export function task<Schema extends StandardSchemaV1, Result>(
  definition: ValidatedTaskDefinition<Schema, Result>,
): Task<StandardSchemaV1.InferInput<Schema>, Awaited<Result>>;
/**
 * Defines a task. The types of its arguments and its result follow from `run`.
 *
 * @throws {ConfigError} when the name or a default cannot be used.
 *
 * @example
 * ```ts
 * import { task } from "@stem/stem";
 *
 * export const add = task({
 *   name: "math.add",
 *   maxRetries: 3,
 *   run: (_ctx, args: { a: number; b: number }) => args.a + args.b,
 * });
 * ```
 */
export function task<Args, Result>(definition: TaskDefinition<Args, Result>): Task<Args, Awaited<Result>>;
export function task(
  definition: TaskDefinition<unknown, unknown> & { readonly input?: StandardSchemaV1 },
): AnyTask {
  validateId(definition.name, "a task's name");
  if (typeof definition.run !== "function") {
    throw new ConfigError(`Cannot define task "${definition.name}": expected a function as run`);
  }
  validateTaskDefaults(definition, `task "${definition.name}"`);
  validateTaskLimits(definition, `task "${definition.name}"`);
  return Object.freeze({
    ...definition,
    metadata: Object.freeze({ ...definition.metadata }),
    run: (context: TaskContext, args: unknown) => definition.run(context, args),
  });
}
