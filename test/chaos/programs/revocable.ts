/** A worker in a process of its own whose handlers never end by themselves: it tells when they begin, and when and why they are aborted. */

import { StemApp, task, TaskRevokedError } from "../../../src/mod.ts";
import { machineMs, optionsOf, say, told } from "./talk.ts";

const { url, place, id, revocations } = optionsOf({
  id: "worker",
  /** Where revocations are kept; empty for where everything is. */
  revocations: "",
});

const endless = task({
  name: "endless",
  run: ({ id: taskId, signal }) =>
    new Promise<never>((_resolve, reject) => {
      signal.addEventListener("abort", () => {
        const at = machineMs();
        const reason: unknown = signal.reason;
        say({ type: "aborted", id: taskId, at, reason: TaskRevokedError.is(reason) ? reason.message : String(reason) });
        reject(reason);
      }, { once: true });
      say({ type: "begun", id: taskId });
    }),
});

const app = await StemApp.fromUrl(url, {
  ...place,
  tasks: [endless],
  worker: { id, concurrency: 20 },
  overrides: revocations === "" ? {} : { revocations },
});
app.worker.subscribe((event) => {
  if (event.type === "error") say({ type: "error", operation: event.operation, message: String(event.error) });
  else if ("delivery" in event) say({ type: event.type, id: event.delivery.envelope.id });
});
await app.start();
say({ type: "ready" });
for await (const _line of told());
await app.close({ mode: "hard" });
say({ type: "ended" });
