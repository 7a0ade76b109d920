import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { connectSettings, storeUrl } from "../app/config.ts";
import { connect } from "../app/connect.ts";
import type { ScheduleStore } from "../contracts/schedule-store.ts";
import { ConfigError } from "../errors.ts";
import type { ScheduleEntry, ScheduleInput } from "../model/schedule.ts";
import { ownedPart } from "../model/schedule-change.ts";
import type { SlotRule } from "../model/slots.ts";
import { firstSlot, nextSlot } from "../model/slots.ts";
import { systemClock } from "../time/clock.ts";
import type { Call, CommandContext } from "./command.ts";
import { addCommand, wholeNumber } from "./command.ts";
import type { ExitCode } from "./exit-code.ts";
import { EXIT } from "./exit-code.ts";
import { instantOf } from "./fields.ts";
import { applySchedules, listAll } from "./schedule-apply.ts";
import { readSchedules } from "./schedule-file.ts";
import { instantText, stateText, wallText, whenText } from "./schedule-text.ts";
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
  const schedules = await withStore(context, (store) => listAll((page) => store.list(page)));
  output.result(
    { schedules },
    () =>
      schedules.length === 0 ? "No schedules" : output.table(
        ["SCHEDULE", "TASK", "STATE", "NEXT", "RUNS", "WHEN"],
        schedules.map((entry) => [
          entry.id,
          entry.task.name,
          stateText(entry),
          entry.nextRunAt === undefined ? "-" : instantText(entry.nextRunAt),
          String(entry.runs),
          `${whenText(entry.spec)}${entry.timeZone === "UTC" ? "" : ` ${entry.timeZone}`}`,
        ]),
      ),
  );
}

async function showOne(context: CommandContext<{ readonly history?: string }>): Promise<ExitCode> {
  const { output, args: [id = ""], options } = context;
  const limit = wholeNumber(options.history ?? "10", "--history");
  return await withStore(context, async (store) => {
    const schedule = await store.get(id);
    if (schedule === undefined) return unknown(context, [id]);
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

async function apply(context: CommandContext<{ readonly prune?: boolean; readonly dryRun?: boolean }>): Promise<void> {
  const { output, args: [file = ""], options, io } = context;
  const schedules = readSchedules(file === "-" ? await io.readInput() : await readText(file, io.cwd), file);
  const dryRun = options.dryRun === true;
  const applied = await withStore(context, (store) => applySchedules(store, schedules, { prune: options.prune === true, dryRun }));
  output.result({ dryRun, schedules: applied }, () =>
    applied.length === 0 ? "Nothing to apply" : output.table(
      ["SCHEDULE", dryRun ? "WOULD BE" : "IS", "NEXT"],
      applied.map(({ id, action, nextRunAt }) => [id, action, nextRunAt === undefined ? "-" : instantText(nextRunAt)]),
    ));
}

async function remove(context: CommandContext<object>): Promise<ExitCode> {
  const { output, args } = context;
  const removed: string[] = [];
  await withStore(context, async (store) => {
    for (const id of args) if (await store.remove(id)) removed.push(id);
  });
  output.result({ removed }, () => removed.length === 0 ? "Removed nothing" : `Removed ${removed.join(", ")}`);
  return unknown(context, args.filter((id) => !removed.includes(id)));
}

async function enable(context: CommandContext<object>, enabled: boolean): Promise<ExitCode> {
  const { output, args } = context;
  const schedules: ScheduleEntry[] = [];
  await withStore(context, async (store) => {
    for (const id of args) {
      const entry = await store.get(id);
      if (entry !== undefined) schedules.push(await store.upsert({ ...ownedPart(entry), enabled, version: entry.version }));
    }
  });
  output.result(
    { schedules },
    () =>
      schedules.map((entry) =>
        `${entry.id}: ${stateText(entry)}${entry.nextRunAt === undefined ? "" : `, next ${instantText(entry.nextRunAt)}`}`
      )
        .join("\n"),
  );
  return unknown(context, args.filter((id) => !schedules.some((entry) => entry.id === id)));
}

async function preview(context: CommandContext<{ readonly count?: string; readonly from?: string }>): Promise<ExitCode> {
  const { output, args: [target = ""], options, io } = context;
  const count = wholeNumber(options.count ?? "10", "--count");
  const from = options.from === undefined ? systemClock.now() : instantOf(options.from, "--from");
  const text = target === "-" ? await io.readInput() : await readText(target, io.cwd).catch(() => undefined);
  const found = text === undefined ? await withStore(context, async (store) => await store.get(target)) : readSchedules(text, target);
  if (found === undefined) return unknown(context, [target]);
  const schedules = (Array.isArray(found) ? found : [found]).map((schedule: ScheduleInput) => {
    const rule = ruleOf(schedule, from);
    return { id: schedule.id, timeZone: rule.timeZone, slots: slotsAfter(rule, from, Math.min(count, runsLeft(schedule))) };
  });
  output.result({ schedules }, () =>
    schedules.map(({ id, timeZone, slots }) => {
      const rows = slots.map((slot) => [instantText(slot), wallText(slot, timeZone)]);
      return `${output.paint("title", id)}\n${rows.length === 0 ? "never" : output.table(["SLOT", timeZone], rows)}`;
    }).join("\n\n"));
  return EXIT.ok;
}

function ruleOf(schedule: ScheduleInput, now: number): SlotRule {
  const createdAt = "createdAt" in schedule && typeof schedule.createdAt === "number" ? schedule.createdAt : now;
  return { ...schedule, timeZone: schedule.timeZone ?? "UTC", createdAt };
}

function runsLeft(schedule: ScheduleInput): number {
  const runs = "runs" in schedule && typeof schedule.runs === "number" ? schedule.runs : 0;
  return schedule.maxRuns === undefined ? Number.POSITIVE_INFINITY : Math.max(0, schedule.maxRuns - runs);
}

function slotsAfter(rule: SlotRule, from: number, count: number): readonly number[] {
  const slots: number[] = [];
  for (let slot = firstSlot(rule, from); slot !== undefined && slots.length < count; slot = nextSlot(rule, slot)) slots.push(slot);
  return slots;
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
    ["next", instant(entry.nextRunAt)],
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

async function withStore<T>({ environment }: CommandContext<object>, work: (store: ScheduleStore) => Promise<T>): Promise<T> {
  const adapter = await connect(storeUrl("schedules", environment), connectSettings(environment));
  try {
    return await work(adapter.schedules);
  } finally {
    await adapter.close();
  }
}

async function readText(file: string, cwd: string): Promise<string> {
  try {
    return await readFile(resolve(cwd, file), "utf8");
  } catch (cause) {
    throw new ConfigError(`Cannot read the schedules of "${file}": ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function unknown({ output }: CommandContext<object>, ids: readonly string[]): ExitCode {
  if (ids.length === 0) return EXIT.ok;
  output.problem("NOT_FOUND", `There is no schedule ${ids.map((id) => JSON.stringify(id)).join(", ")}`);
  return EXIT.notFound;
}
