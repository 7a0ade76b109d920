import { TaskRevokedError } from "../errors.ts";
import type { TaskContext } from "../tasks/context.ts";
import { task } from "../tasks/task.ts";
import { equal, ok, throws } from "./assert.ts";
import type { Rig } from "./system-rig.ts";
import { gate } from "./system-rig.ts";

/** What decisions say. */
export const why = { reason: "not needed: at all", requestedBy: "ada" } as const;

/** A task whose handlers tell that they have begun, and end when they are aborted or let go. */
export function patient(rig: Rig, name = "patient") {
  const doors = gate(rig.context);
  const contexts = new Map<string, TaskContext>();
  const definition = task({
    name,
    retry: { maxRetries: 0 },
    run: (ctx) => {
      contexts.set(ctx.id, ctx);
      const aborted = new Promise<never>((_, reject) =>
        ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason), { once: true })
      );
      return Promise.race([doors.pass(ctx.id), aborted]);
    },
  });
  return { definition, doors, contexts };
}

/** Waits until a task has ended as revoked, and looks at what is told of it. */
export async function expectRevoked(rig: Rig, taskId: string, attempt = 1): Promise<void> {
  const status = await rig.ended(taskId);
  equal<unknown>(
    [status.state, status.attempt, status.error?.name, status.error?.code, status.error?.message, status.error?.requestedBy],
    ["cancelled", attempt, "TaskRevokedError", "TASK_REVOKED", why.reason, why.requestedBy],
    "the status",
  );
  const error = await throws(() => rig.result(rig.stem().handle(taskId)), TaskRevokedError, "the result");
  ok(
    error instanceof TaskRevokedError && error.reason === why.reason && error.requestedBy === why.requestedBy,
    "Expected reason and requester",
  );
}
