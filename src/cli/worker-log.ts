import type { WorkerEvent } from "../worker/events.ts";
import type { Level, LogLines } from "./log-lines.ts";

const LEVELS: Readonly<Partial<Record<WorkerEvent["type"], Level>>> = {
  "task-retrying": "warn",
  "task-failed": "error",
  "task-lost": "warn",
  error: "warn",
};

/** Writes a line for each event of a worker. */
export function logWorkerEvent(log: LogLines, event: WorkerEvent): void {
  const level = LEVELS[event.type] ?? "info";
  // Of an error the worker's logger tells.
  if (event.type === "error") return;
  if (!("delivery" in event)) return log.write(level, event.type);
  const { envelope } = event.delivery;
  log.write(level, event.type, {
    task: envelope.name,
    id: envelope.id,
    queue: envelope.queue,
    attempt: envelope.attempt,
    ...("durationMs" in event ? { durationMs: Math.round(event.durationMs) } : {}),
    ...("error" in event && event.error !== undefined ? { error: event.error.message } : {}),
  });
}
