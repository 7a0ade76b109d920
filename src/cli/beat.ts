import type { Command } from "commander";
import { stackSettings } from "../app/config.ts";
import { StemApp } from "../app/stem-app.ts";
import { deferred } from "../async/deferred.ts";
import type { BeatTuning } from "../beat/beat-options.ts";
import type { BeatEvent } from "../beat/events.ts";
import type { Call, CommandContext } from "./command.ts";
import { addCommand, listOf, wholeNumber } from "./command.ts";
import type { ExitCode } from "./exit-code.ts";
import { EXIT } from "./exit-code.ts";
import { loadTasks } from "./load-tasks.ts";
import { LogLines } from "./log-lines.ts";
import { instantText } from "./schedule-text.ts";
import { StopRequests } from "./stop-requests.ts";
import { allStoreFlags } from "./store-flags.ts";

interface BeatFlags {
  readonly tasks?: readonly string[];
  readonly name?: string;
  readonly lease?: string;
  readonly misfireGrace?: string;
  readonly limit?: string;
  readonly pollEvery?: string;
  readonly lockKey?: string;
  readonly quiet?: boolean;
}

/** Adds `stem beat start`. */
export function addBeatCommands(stem: Command, call: Call): void {
  const beat = stem.command("beat").description("Dispatches schedules.");
  addCommand(beat, call, {
    name: "start",
    summary: "Enqueue the tasks of schedules when they are due, until a signal comes",
    help: "Start it on as many machines as you like: one of them dispatches, and another takes over when it ends.",
    flags: [
      {
        flag: "--tasks <file>",
        repeats: true,
        about: "modules with tasks, whose defaults and encoders then apply",
        variable: "STEM_TASKS",
      },
      { flag: "--name <id>", about: "its id; one by chance by default" },
      { flag: "--lease <duration>", about: "after how long without a word another takes over, 15s by default" },
      { flag: "--misfire-grace <duration>", about: "slots that are late by less than this all fire, 1m by default" },
      { flag: "--limit <number>", about: "how many slots are claimed at once at most, 100 by default" },
      { flag: "--poll-every <duration>", about: "how often to look when nothing wakes it, 5s by default" },
      { flag: "--lock-key <key>", about: 'those with another key dispatch beside it, "beat" by default' },
      { flag: "--quiet", about: "write warnings and errors only" },
    ],
    storeFlags: allStoreFlags(),
    run: startBeat,
  });
}

async function startBeat({ io, environment, output, options }: CommandContext<BeatFlags>): Promise<ExitCode> {
  const stop = new StopRequests(io);
  try {
    const modules = listOf(options.tasks) ?? [];
    const loaded = modules.length === 0 ? {} : await loadTasks(modules, io);
    const log = new LogLines(io, output, { quiet: options.quiet === true });
    const { url, ...settings } = stackSettings(environment);
    const app = await StemApp.fromUrl(url, { ...loaded, ...settings, beat: tuning(options), logger: log.logger, autoStart: false });
    try {
      return await runUntilStopped(app, log, stop);
    } finally {
      await app.close({ mode: "hard" });
    }
  } finally {
    stop.close();
  }
}

async function runUntilStopped({ beat }: StemApp, log: LogLines, stop: StopRequests): Promise<ExitCode> {
  const forced = deferred<void>();
  beat.subscribe((event) => logBeatEvent(log, beat.id, event));
  await beat.start();
  stop.subscribe((mode) => {
    log.write("info", "stop-requested", { mode });
    beat.stop().catch((error: unknown) => log.write("error", "stop-failed", { error }));
    // A slot in flight that never ends is left to its lease.
    if (mode === "hard") forced.resolve();
  });
  await Promise.race([beat.whenStopped, forced.promise]);
  return stop.asked && beat.state === "stopped" ? EXIT.ok : EXIT.failed;
}

function logBeatEvent(log: LogLines, beat: string, event: BeatEvent): void {
  // Of an error Beat's logger tells, and of slots without a task too.
  if (event.type === "error") return;
  if (!("claim" in event)) return log.write("info", event.type, { beat });
  const { entry, slot } = event.claim;
  log.write(event.type === "slot-dispatched" ? "info" : "warn", event.type, {
    schedule: entry.id,
    slot: instantText(slot),
    task: entry.task.name,
    ...("taskId" in event ? { id: event.taskId } : {}),
    ...("message" in event ? { error: event.message } : {}),
  });
}

function tuning({ name, lease, misfireGrace, limit, pollEvery, lockKey }: BeatFlags): BeatTuning {
  return {
    ...(name === undefined ? {} : { id: name }),
    ...(lease === undefined ? {} : { lease }),
    ...(misfireGrace === undefined ? {} : { misfireGrace }),
    ...(limit === undefined ? {} : { limit: wholeNumber(limit, "--limit") }),
    ...(pollEvery === undefined ? {} : { pollEvery }),
    ...(lockKey === undefined ? {} : { lockKey }),
  };
}
