import { hostname } from "node:os";
import { stackSettings } from "../app/config.ts";
import { StemApp } from "../app/stem-app.ts";
import { ConfigError } from "../errors.ts";
import type { ShutdownOptions, WorkerTuning } from "../worker/worker-options.ts";
import { shutdownSettings } from "../worker/worker-options.ts";
import type { CommandContext, Flag } from "./command.ts";
import { listOf, wholeNumber } from "./command.ts";
import type { ExitCode } from "./exit-code.ts";
import { EXIT } from "./exit-code.ts";
import { loadTasks } from "./load-tasks.ts";
import { LogLines } from "./log-lines.ts";
import { StopRequests } from "./stop-requests.ts";
import { logWorkerEvent } from "./worker-log.ts";

/** The flags of `stem worker start`. */
export interface WorkerStartOptions {
  /** The modules with the tasks. */
  readonly tasks?: readonly string[];
  /** The queues. */
  readonly queues?: readonly string[];
  /** How many tasks run at once. */
  readonly concurrency?: string;
  /** How many it holds ready. */
  readonly prefetch?: string;
  /** Its id. */
  readonly name?: string;
  /** How long a task is held without renewal. */
  readonly lease?: string;
  /** How long an aborted handler may take. */
  readonly grace?: string;
  /** How long the warm end may take. */
  readonly timeout?: string;
  /** Whether only warnings and errors are told. */
  readonly quiet?: boolean;
  /** Whether schedules are dispatched too. */
  readonly beat?: boolean;
}

/** The same for the help. */
export const workerStartFlags: readonly Flag[] = [
  { flag: "--tasks <file>", repeats: true, about: "the modules that export the tasks", variable: "STEM_TASKS" },
  { flag: "--queues <names>", repeats: true, about: 'the queues to serve, "default" by default', variable: "STEM_QUEUES" },
  { flag: "--concurrency <number>", about: "how many tasks run at once at most, 10 by default", variable: "STEM_CONCURRENCY" },
  { flag: "--prefetch <number>", about: 'how many it holds ready beyond those, "auto" by default', variable: "STEM_PREFETCH" },
  { flag: "--name <id>", about: "its id; one by chance by default", variable: "STEM_WORKER_NAME" },
  { flag: "--lease <duration>", about: "how long a task is held without renewal, 30s by default" },
  { flag: "--grace <duration>", about: "how long an aborted task may take to end, 5s by default" },
  { flag: "--timeout <duration>", about: "how long the first signal waits for running tasks, without limit by default" },
  { flag: "--beat", about: "dispatch schedules too" },
  { flag: "--quiet", about: "write warnings and errors only" },
];

/** Runs a worker until it is told to end. */
export async function startWorker({ io, environment, output, options }: CommandContext<WorkerStartOptions>): Promise<ExitCode> {
  const stop = new StopRequests(io);
  try {
    const modules = listOf(options.tasks) ?? [];
    if (modules.length === 0) throw new ConfigError("Cannot start a worker without tasks: pass --tasks ./tasks.ts, or set STEM_TASKS");
    const shutdown = options.timeout === undefined ? {} : { timeout: options.timeout };
    // Now, not when the signal comes.
    shutdownSettings(shutdown);
    const loaded = await loadTasks(modules, io);
    const log = new LogLines(io, output, { quiet: options.quiet === true });
    const { url, ...settings } = stackSettings(environment);
    if (url.startsWith("memory:")) log.logger.warn("The stores are in the memory of this process: nobody else can give it tasks");
    const worker = {
      ...loaded.worker,
      ...tuning(options),
      meta: { ...loaded.worker?.meta, host: hostname(), processId: io.processId, runtime: io.runtime },
    };
    const app = await StemApp.fromUrl(url, {
      ...loaded,
      ...settings,
      worker,
      ...(options.beat === true ? { beat: true } : {}),
      logger: log.logger,
      autoStart: false,
    });
    try {
      return await runUntilStopped(app, { log, stop, shutdown });
    } finally {
      await app.close({ mode: "hard" });
    }
  } finally {
    stop.close();
  }
}

async function runUntilStopped(
  app: StemApp,
  { log, stop, shutdown }: { readonly log: LogLines; readonly stop: StopRequests; readonly shutdown: ShutdownOptions },
): Promise<ExitCode> {
  const { worker } = app;
  worker.subscribe((event) => event.type === "started" ? undefined : logWorkerEvent(log, event));
  let failed = false;
  await app.start();
  log.write("info", "started", { worker: worker.id, tasks: worker.registry.tasks.map(({ name }) => name) });
  stop.subscribe((mode) => {
    log.write("info", "stop-requested", { mode });
    Promise.all([app.beat.stop(), worker.shutdown({ ...shutdown, mode })]).catch((error: unknown) => {
      failed = true;
      log.write("error", "stop-failed", { error });
    });
  });
  await worker.whenStopped;
  return stop.asked && !failed ? EXIT.ok : EXIT.failed;
}

function tuning({ queues, concurrency, prefetch, name, lease, grace }: WorkerStartOptions): WorkerTuning {
  const list = listOf(queues);
  return {
    ...(list === undefined ? {} : { queues: list }),
    ...(concurrency === undefined ? {} : { concurrency: wholeNumber(concurrency, "--concurrency") }),
    ...(prefetch === undefined ? {} : { prefetch: prefetch === "auto" ? prefetch : wholeNumber(prefetch, "--prefetch") }),
    ...(name === undefined ? {} : { id: name }),
    ...(lease === undefined ? {} : { lease }),
    ...(grace === undefined ? {} : { grace }),
  };
}
