import type { Command } from "commander";
import { connectSettings, storeUrl } from "../app/config.ts";
import { connect } from "../app/connect.ts";
import { formatMs } from "../time/duration.ts";
import type { Call, CommandContext } from "./command.ts";
import { addCommand } from "./command.ts";
import { listRevocations, revoke, revokeFlags, targetFlags, unrevoke } from "./revoke.ts";
import { allStoreFlags, storeFlags } from "./store-flags.ts";
import { startWorker, workerStartFlags } from "./worker-start.ts";

/** Adds `stem worker start | list | revoke | unrevoke | revocations`. */
export function addWorkerCommands(stem: Command, call: Call): void {
  const worker = stem.command("worker").description("Runs workers, and tells of those that run.");
  addCommand(worker, call, {
    name: "start",
    summary: "Run the tasks of modules until a signal comes",
    help: "The first SIGTERM or SIGINT lets running tasks end, the second aborts them, the third gives them back at once.\n\n" +
      "  stem worker start --tasks ./tasks.ts --queues mail,images --concurrency 4",
    flags: workerStartFlags,
    storeFlags: allStoreFlags(),
    run: startWorker,
  });
  const revokeStores = storeFlags("revocations", "backend", "broker");
  addCommand(worker, call, {
    name: "revoke [ids...]",
    summary: "Have tasks not run, and with --terminate not go on",
    help: "  stem worker revoke 0190c1d2-… --terminate --reason 'wrong customer'\n" +
      "  stem worker revoke --task mail.send --before 2026-03-01T00:00:00Z\n" +
      "  stem worker revoke --header tenant=acme --expires-in 1d",
    flags: revokeFlags,
    storeFlags: revokeStores,
    run: revoke,
  });
  addCommand(worker, call, {
    name: "unrevoke [ids...]",
    summary: "Take revocations back; what has ended stays ended",
    flags: targetFlags,
    storeFlags: revokeStores,
    run: unrevoke,
  });
  addCommand(worker, call, { name: "revocations", summary: "List what is revoked", storeFlags: revokeStores, run: listRevocations });
  addCommand(worker, call, {
    name: "list",
    summary: "List the workers that report to the result backend",
    storeFlags: storeFlags("backend"),
    run: listWorkers,
  });
}

async function listWorkers({ environment, output }: CommandContext<object>): Promise<void> {
  const adapter = await connect(storeUrl("backend", environment), connectSettings(environment));
  try {
    const workers = await adapter.results.listHeartbeats();
    output.result({ workers }, () =>
      workers.length === 0 ? "No worker reports" : output.table(
        ["WORKER", "QUEUES", "RUNNING", "PROCESSED", "UP", "HOST", "PROCESS"],
        workers.map(({ workerId, queues, running, concurrency, processed, startedAt, seenAt, meta }) => [
          workerId,
          queues.join(","),
          `${running.length}/${concurrency}`,
          String(processed),
          formatMs(Math.round(Math.max(0, seenAt - startedAt) / 1_000) * 1_000),
          String(meta["host"] ?? ""),
          String(meta["processId"] ?? ""),
        ]),
      ));
  } finally {
    await adapter.close();
  }
}
