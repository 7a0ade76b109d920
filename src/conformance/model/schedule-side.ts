import type { ScheduleStore } from "../../contracts/schedule-store.ts";
import type { TaskLedger } from "../../contracts/task-ledger.ts";
import { envelope } from "../../model/envelope.ts";
import type { ScheduleClaim, ScheduleInput, ScheduleOutcome } from "../../model/schedule.ts";
import type { DrawnSchedule, DrawnSlotEnd, ScheduleOperation } from "./schedule-operation.ts";
import { SCHEDULES } from "./schedule-operation.ts";

const scheduleId = (schedule: number) => `schedule${schedule}`;
const allSchedules = Array.from({ length: SCHEDULES }, (_, schedule) => scheduleId(schedule));

/** The part of a side that is about schedules, with the claims of earlier operations. */
export class ScheduleSide {
  readonly #claims: ScheduleClaim[] = [];

  /** Carries out one operation. Answers what two sides must agree on. */
  async carryOut(operation: ScheduleOperation, store: ScheduleStore, ledger: TaskLedger): Promise<unknown> {
    switch (operation.kind) {
      case "plan":
        return store.upsert(toInput(operation.entry));
      case "unplan":
        return store.remove(scheduleId(operation.schedule));
      case "claimSlots":
        return this.#claimed(await store.claimDue({ limit: operation.limit, leaseMs: operation.leaseMs, owner: "drawn" }));
      case "endSlot": {
        const claim = this.#claims.at(-1 - operation.end.back);
        return claim === undefined ? "nothing" : store.complete(claim, toOutcome(claim, operation.end));
      }
      case "endSlots":
        return store.completeAndPublish(
          operation.ends.flatMap((end) => {
            const claim = this.#claims.at(-1 - end.back);
            return claim === undefined ? [] : [{ claim, outcome: toOutcome(claim, end), envelopes: [envelopeOf(claim)] }];
          }),
          ledger,
        );
      case "giveBackSlots":
        return store.release(operation.back.flatMap((back) => this.#claims.at(-1 - back) ?? []));
      case "plans":
        return {
          entries: (await store.list()).items,
          histories: await Promise.all(allSchedules.map((id) => store.history(id))),
          nextDueIn: await store.nextDueIn(),
        };
      case "sweepPlans":
        return store.sweep();
    }
  }

  /** Remembers what was claimed. Tokens are compared with the latest of the schedule only: they have to rise, and not to be the same. */
  #claimed(claims: readonly ScheduleClaim[]): readonly unknown[] {
    return claims.map((claim) => {
      const { token, ...rest } = claim;
      const isHigher = this.#claims.every((earlier) => earlier.entry.id !== claim.entry.id || earlier.token < token);
      this.#claims.push(claim);
      return { ...rest, isHigher };
    });
  }
}

function toInput({ schedule, ...input }: DrawnSchedule): ScheduleInput {
  return { ...input, id: scheduleId(schedule), task: { name: "drawn" } };
}

function toOutcome({ slot }: ScheduleClaim, { nextInMs, back: _, ...outcome }: DrawnSlotEnd): ScheduleOutcome {
  return nextInMs === undefined ? outcome : { ...outcome, nextRunAt: slot + nextInMs };
}

/** The same task for the same slot, as Beat makes it. */
function envelopeOf({ entry, slot }: ScheduleClaim) {
  return envelope({ id: `${entry.id}@${slot}`, name: "drawn", queue: "queue 0", enqueuedAt: 1 });
}
