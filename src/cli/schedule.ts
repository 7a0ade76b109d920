import type { Command } from "commander";
import type { ScheduleEntry, ScheduleInput } from "../model/schedule.ts";
import { show } from "../model/id.ts";
import { ConfigError } from "../errors.ts";
import { ownedPart } from "../model/schedule-change.ts";
import type { Call, CommandContext } from "./command.ts";
import { addCommand, listOf, wholeNumber } from "./command.ts";
import type { ExitCode } from "./exit-code.ts";
import { EXIT } from "./exit-code.ts";
import type { LoadedTasks } from "./load-tasks.ts";
import { loadTasks } from "./load-tasks.ts";
import { applySchedules, listAll } from "./schedule-apply.ts";
import { readSchedules } from "./schedule-file.ts";
import { preview } from "./schedule-preview.ts";
import { readText, unknownSchedules, withSchedules } from "./schedule-source.ts";
import { instantText, nextText, stateText, whenText } from "./schedule-text.ts";
import { storeFlags } from "./store-flags.ts";

/** Adds `stem schedule list | show | apply | remove | enable | disable | preview`. */
export function addScheduleCommands(stem: Command, call: Call): void {
  const parent = stem.command("schedule").description("Lists, changes and previews schedules.");
  const flags = storeFlags("schedules");
  addCommand(parent, call, { name: "list", summary: "List the schedules", storeFlags: flags, run: list });
  addCommand(parent, call, {
    name: "show <id>",
    summary: "Show a schedule and its latest slots",
    flags: [{ flag: "--history <number>", about: "how many slots of the past, 10 by default" }],
    storeFlags: flags,
    run: showOne,
  });
  addCommand(parent, call, {
    name: "apply <file>",
    summary: "Make the store hold the schedules of a YAML or JSON file (- reads the standard input)",
    flags: [
      { flag: "--prune", about: "remove the schedules that the file does not name" },
      { flag: "--dry-run", about: "only say what would be done" },
      { flag: "--tasks <file>", repeats: true, about: "modules with tasks: schedules of any others are refused", variable: "STEM_TASKS" },
    ],
    storeFlags: flags,
    run: apply,
  });
  addCommand(parent, call, { name: "remove <ids...>", summary: "Remove schedules and their history", storeFlags: flags, run: remove });
  addCommand(parent, call, {
    name: "enable <ids...>",
    summary: "Let schedules fire",
    storeFlags: flags,
    run: (context) => enable(context, true),
  });
  addCommand(parent, call, {
    name: "disable <ids...>",
    summary: "Keep schedules from firing",
    storeFlags: flags,
    run: (context) => enable(context, false),
  });
  addCommand(parent, call, {
    name: "preview <target>",
    summary: "Tell when the schedules of a file, or a stored one, will fire",
    flags: [
      { flag: "--count <number>", about: "how many slots, 10 by default" },
      { flag: "--from <time>", about: "the instant after which they are counted, now by default" },
    ],
    storeFlags: flags,
    run: preview,
  });
}

async function list(context: CommandContext<object>): Promise<void> {
  const { output } = context;
  const schedules = await withSchedules(context, (store) => listAll((page) => store.list(page)));
  output.result(
    { schedules },
    () =>
      schedules.length === 0 ? "No schedules" : output.table(
        ["SCHEDULE", "TASK", "STATE", "NEXT", "RUNS", "WHEN"],
        schedules.map((entry) => [
          entry.id,
          entry.task.name,
          stateText(entry),
          nextText(entry) ?? "-",
          String(entry.runs),
          `${whenText(entry.spec)}${entry.timeZone === "UTC" ? "" : ` ${entry.timeZone}`}`,
        ]),
      ),
  );
}

async function showOne(context: CommandContext<{ readonly history?: string }>): Promise<ExitCode> {
  const { output, args: [id = ""], options } = context;
  const limit = wholeNumber(options.history ?? "10", "--history");
  return await withSchedules(context, async (store) => {
    const schedule = await store.get(id);
    if (schedule === undefined) return unknownSchedules(context, [id]);
    const history = limit === 0 ? [] : (await store.history(id, { limit })).items;
    output.result({ schedule, history }, () => {
      const rows = history.map(({ slot, kind, completedAt, taskId, message }) => [
        instantText(slot),
        kind,
        instantText(completedAt),
        taskId ?? message ?? "",
      ]);
      return [entryText(context, schedule), ...(rows.length === 0 ? [] : [output.table(["SLOT", "OUTCOME", "COMPLETED", "TASK"], rows)])]
        .join("\n\n");
    });
    return EXIT.ok;
  });
}

interface ApplyFlags {
  readonly prune?: boolean;
  readonly dryRun?: boolean;
  readonly tasks?: readonly string[];
}

async function apply(context: CommandContext<ApplyFlags>): Promise<void> {
  const { output, args: [file = ""], options, io } = context;
  const schedules = readSchedules(await readText(file, io), file);
  const modules = listOf(options.tasks) ?? [];
  if (modules.length > 0) requireTasks(schedules, await loadTasks(modules, io), file);
  const dryRun = options.dryRun === true;
  const applied = await withSchedules(context, (store) => applySchedules(store, schedules, { prune: options.prune === true, dryRun }));
  output.result({ dryRun, schedules: applied }, () =>
    applied.length === 0 ? "Nothing to apply" : output.table(
      ["SCHEDULE", dryRun ? "WOULD BE" : "IS", "NEXT"],
      applied.map(({ id, action, nextRunAt }) => [id, action, nextRunAt === undefined ? "-" : instantText(nextRunAt)]),
    ));
}

/** Refuses schedules whose task nobody would find. */
function requireTasks(schedules: readonly ScheduleInput[], { tasks }: LoadedTasks, file: string): void {
  const names = tasks.map(({ name }) => name);
  const strange = schedules.filter(({ task }) => !names.includes(task.name));
  if (strange.length === 0) return;
  throw new ConfigError(
    strange.map(({ id, task }) => `${file}: Cannot use task ${show(task.name)} in schedule ${show(id)}: no given module exports it`).join(
      "\n",
    ),
  );
}

async function remove(context: CommandContext<object>): Promise<ExitCode> {
  const { output, args } = context;
  const removed: string[] = [];
  await withSchedules(context, async (store) => {
    for (const id of args) if (await store.remove(id)) removed.push(id);
  });
  output.result({ removed }, () => removed.length === 0 ? "Removed nothing" : `Removed ${removed.join(", ")}`);
  return unknownSchedules(context, args.filter((id) => !removed.includes(id)));
}

async function enable(context: CommandContext<object>, enabled: boolean): Promise<ExitCode> {
  const { output, args } = context;
  const schedules: ScheduleEntry[] = [];
  await withSchedules(context, async (store) => {
    for (const id of args) {
      const entry = await store.get(id);
      if (entry !== undefined) schedules.push(await store.upsert({ ...ownedPart(entry), enabled, version: entry.version }));
    }
  });
  output.result(
    { schedules },
    () =>
      schedules.map((entry) =>
        [`${entry.id}: ${stateText(entry)}`, ...(nextText(entry) === undefined ? [] : [`next ${nextText(entry)}`])].join(", ")
      )
        .join("\n"),
  );
  return unknownSchedules(context, args.filter((id) => !schedules.some((entry) => entry.id === id)));
}

function entryText({ output }: CommandContext<object>, entry: ScheduleEntry): string {
  const instant = (at: number | undefined): string | undefined => at === undefined ? undefined : instantText(at);
  const json = (value: unknown): string | undefined => value === undefined ? undefined : JSON.stringify(value);
  const { name, ...rest } = entry.task;
  return output.pairs([
    ["id", entry.id],
    ["state", stateText(entry)],
    ["when", whenText(entry.spec)],
    ["time zone", entry.timeZone],
    ["task", name],
    ["task options", Object.keys(rest).length === 0 ? undefined : json(rest)],
    ["next", nextText(entry)],
    ["last", instant(entry.lastRunAt)],
    ["runs", `${entry.runs}${entry.maxRuns === undefined ? "" : ` of ${entry.maxRuns}`}`],
    ["from", instant(entry.startAt)],
    ["until", instant(entry.endAt)],
    ["jitter", entry.jitterMs === 0 ? undefined : `${entry.jitterMs} ms`],
    ["expires after", entry.expiresAfterMs === undefined ? undefined : `${entry.expiresAfterMs} ms`],
    ["misfire", entry.misfire.kind === "catch-up" ? `catch-up, at most ${entry.misfire.limit}` : entry.misfire.kind],
    ["meta", Object.keys(entry.meta).length === 0 ? undefined : json(entry.meta)],
    ["version", String(entry.version)],
    ["changed", instant(entry.updatedAt)],
  ]);
}
