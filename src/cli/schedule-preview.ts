import type { ScheduleInput } from "../model/schedule.ts";
import type { SlotRule } from "../model/slots.ts";
import { firstSlot, nextSlot } from "../model/slots.ts";
import { systemClock } from "../time/clock.ts";
import type { CommandContext } from "./command.ts";
import { wholeNumber } from "./command.ts";
import type { ExitCode } from "./exit-code.ts";
import { EXIT } from "./exit-code.ts";
import { instantOf } from "./fields.ts";
import { readSchedules } from "./schedule-file.ts";
import { readText, unknownSchedules, withSchedules } from "./schedule-source.ts";
import { instantText, wallText } from "./schedule-text.ts";

/** The flags of `stem schedule preview`. */
export interface PreviewFlags {
  /** How many slots. */
  readonly count?: string;
  /** The instant after which they are counted. */
  readonly from?: string;
}

/** Tells when the schedules of a file, or a stored one, will fire. */
export async function preview(context: CommandContext<PreviewFlags>): Promise<ExitCode> {
  const { output, args: [target = ""], options, io } = context;
  const count = wholeNumber(options.count ?? "10", "--count");
  const from = options.from === undefined ? systemClock.now() : instantOf(options.from, "--from");
  const text = LOOKS_LIKE_A_FILE.test(target) ? await readText(target, io) : undefined;
  const found = text === undefined ? await withSchedules(context, async (store) => await store.get(target)) : readSchedules(text, target);
  if (found === undefined) return unknownSchedules(context, [target]);
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

// An id may hold a dot or a slash too, but one that is named like a file is meant as one.
const LOOKS_LIKE_A_FILE = /^-$|[\\/]|\.(?:ya?ml|json)$/i;
