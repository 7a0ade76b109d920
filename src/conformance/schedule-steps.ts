import type { ClaimDueOptions, ScheduleStore } from "../contracts/schedule-store.ts";
import type { ScheduleClaim, ScheduleEntry, ScheduleInput, ScheduleOutcome, ScheduleSpec } from "../model/schedule.ts";
import { equal, fail, only, present } from "./assert.ts";

/** A second. */
export const SECOND = 1_000;

/** Fires every minute, counted from its creation. */
export const EVERY_MINUTE: ScheduleSpec = Object.freeze({ kind: "interval", everyMs: 60 * SECOND });

/** Makes a schedule of every minute, unless told otherwise. */
export function everyMinute(id: string, input: Partial<ScheduleInput> = {}): ScheduleInput {
  return { id, spec: EVERY_MINUTE, task: { name: "conformance.task" }, ...input };
}

/** Claims up to 1,000 slots for a minute as `"scheduler"`, unless told otherwise. */
export function claimDue(store: ScheduleStore, options: Partial<ClaimDueOptions> = {}): Promise<readonly ScheduleClaim[]> {
  return store.claimDue({ limit: 1_000, owner: "scheduler", leaseMs: 60 * SECOND, ...options });
}

/** Claims, and fails unless exactly one slot comes. */
export async function claimSlot(store: ScheduleStore, options: Partial<ClaimDueOptions> = {}): Promise<ScheduleClaim> {
  return only(await claimDue(store, options), "slot");
}

/** Fails unless nothing is due. */
export async function claimNoSlot(store: ScheduleStore, message: string): Promise<void> {
  equal(entriesOf(await claimDue(store)), [], message);
}

/** Gives the ids of the entries of claims, in order. */
export function entriesOf(claims: readonly ScheduleClaim[]): readonly string[] {
  return claims.map(({ entry }) => entry.id);
}

/** A slot that was dispatched; the next one comes a minute after it. */
export function dispatched(claim: ScheduleClaim, outcome: Partial<ScheduleOutcome> = {}): ScheduleOutcome {
  return { kind: "dispatched", nextRunAt: claim.slot + 60 * SECOND, taskId: `task-${claim.slot}`, ...outcome };
}

/** Reads an entry that has to be there. */
export async function entryOf(store: ScheduleStore, id: string): Promise<ScheduleEntry> {
  return present(await store.get(id), `schedule ${id}`);
}

/** The next slot of an entry that has to have one. */
export async function nextOf(store: ScheduleStore, id: string): Promise<number> {
  return present((await entryOf(store, id)).nextRunAt, `a next slot of schedule ${id}`);
}

/** Reads JSON as whatever type the place asks for: what callers without types may give. */
export function untyped<T>(json: string): T {
  const value: unknown = JSON.parse(json);
  return pretends<T>(value) ? value : fail("Expected a value that pretends");
}

function pretends<T>(_value: unknown): _value is T {
  return true;
}
