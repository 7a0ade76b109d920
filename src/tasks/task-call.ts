import type { Duration } from "../time/duration.ts";
import type { TaskDefaults } from "./task-options.ts";
import type { AnyTask } from "./task.ts";

/** One call of a task: its arguments, and how this call differs from the task's defaults. */
export interface TaskCall<Input = unknown> extends TaskDefaults {
  /** The arguments. */
  readonly args?: Input | undefined;
  /** Hidden from workers for this long, by the store's clock. */
  readonly delay?: Duration | undefined;
  /** Hidden from workers until this instant: epoch milliseconds or a date. */
  readonly eta?: number | Date | undefined;
  /** String pairs for routing, tracing and revocation. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** JSON values that travel into the status. */
  readonly meta?: Readonly<Record<string, unknown>> | undefined;
  /** The task's id: an idempotency key of your own. @default a UUID v7 */
  readonly id?: string | undefined;
  /** By whom or what the task's limits are counted apart, where they say `by: "key"`. @default what the task's own `limitKey` gives */
  readonly limitKey?: string | undefined;
  /** The group that the task reports its end to; made before with `backend.initGroup`. */
  readonly groupId?: string | undefined;
  /** Tasks that are published together with this one's end. */
  readonly links?: {
    /** When it succeeded. */
    readonly onSuccess?: readonly LinkedCall[];
    /** When it failed for good. */
    readonly onFailure?: readonly LinkedCall[];
  } | undefined;
}

/** The last parameter of a call of a task: it may be left out when the task takes no arguments. */
export type CallParameters<Input, Extra = unknown> = undefined extends Input ? [call?: TaskCall<Input> & Extra]
  : [call: TaskCall<Input> & Extra & { readonly args: Input }];

/** A call that names its task. */
export interface NamedCall<Input = unknown> extends TaskCall<Input> {
  /** The task, or its name. */
  readonly task: AnyTask | string;
}

/** A call that follows another task's end; it may have links of its own. */
export type LinkedCall = NamedCall;
