import type { StandardSchemaV1 } from "@standard-schema/spec";
import { PayloadError } from "../errors.ts";
import type { AnyTask } from "./task.ts";

/**
 * Checks arguments against the task's schema. Returns the schema's output, or the arguments themselves when the task has no schema.
 *
 * @throws {PayloadError} that names the task, the places and what is wrong there.
 */
export async function validateInput(task: AnyTask, args: unknown): Promise<unknown> {
  if (task.input === undefined) return args;
  const result = await task.input["~standard"].validate(args);
  if (result.issues === undefined) return result.value;
  throw new PayloadError(`Cannot use these args for task "${task.name}": ${result.issues.slice(0, 5).map(describe).join("; ")}`);
}

function describe(issue: StandardSchemaV1.Issue): string {
  const path = (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join(".");
  return path === "" ? issue.message : `${path}: ${issue.message}`;
}
