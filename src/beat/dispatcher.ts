import { Batcher } from "../async/batcher.ts";
import type { ScheduleStore, SlotCompletion } from "../contracts/schedule-store.ts";
import type { TaskLedger } from "../contracts/task-ledger.ts";
import { StemError } from "../errors.ts";
import type { ScheduleClaim, ScheduleOutcome } from "../model/schedule.ts";
import type { Preparer } from "../producer/preparer.ts";
import type { Clock } from "../time/clock.ts";
import { withDeadline } from "../time/sleep.ts";
import { decideSlot } from "./due.ts";
import type { BeatEvent } from "./events.ts";
import type { SlotCall } from "./slot-call.ts";
import { slotCall } from "./slot-call.ts";
import type { UniqueSlot, UniqueSlots } from "./unique-slots.ts";

/** What dispatching needs. */
export interface DispatcherOptions {
  /** Completes the slots. */
  readonly store: ScheduleStore;
  /** Enqueues their tasks. */
  readonly ledger: TaskLedger;
  /** Makes their envelopes. */
  readonly preparer: Preparer;
  /** Publishes those of unique tasks. */
  readonly unique: UniqueSlots;
  /** How long each claim is held. */
  readonly leaseMs: number;
  /** How late a slot may be without being missed. */
  readonly graceMs: number;
  /** Measures how long preparing takes. */
  readonly clock: Clock;
  /** Hears what became of each slot. */
  readonly emit: (event: BeatEvent) => void;
  /** Hears what failed. */
  readonly onError: (operation: string, error: unknown) => void;
}

const MAX_BATCH = 500;

/** How a slot is to be completed; with what its task is unique by, if it is. */
interface Decided extends SlotCompletion {
  readonly unique?: UniqueSlot;
}

/** A claimed slot, and its call, which is on its way, as are those of all slots that were claimed with it. */
interface NamedSlot {
  readonly claim: ScheduleClaim;
  readonly call: Promise<SlotCall>;
  readonly all: Promise<unknown>;
}

/** Turns claimed slots into tasks: each on its own, so that a slow or bad one holds up no other; written together. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #batcher: Batcher<SlotCompletion, boolean>;

  /** Makes a dispatcher. */
  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#batcher = new Batcher({
      name: "dispatcher",
      maxItems: MAX_BATCH,
      run: (slots) => options.store.completeAndPublish(slots, options.ledger),
    });
  }

  /**
   * Brings claimed slots to their ends, each by itself. The promises never reject; false says that a store was away: the claim is given back then.
   *
   * @param held Aborted when this instance may dispatch no longer: what was not handed to the store by then is given back.
   */
  dispatch(claims: readonly ScheduleClaim[], held: AbortSignal): readonly Promise<boolean>[] {
    const named = claims.map((claim) => ({ claim, call: slotCall(claim, this.#options.leaseMs) }));
    // Hashes are made elsewhere and come back one by one: without this the first would be written before the second is there.
    const all = Promise.allSettled(named.map(({ call }) => call));
    return named.map((slot) => this.#dispatch({ ...slot, all }, held));
  }

  /** Gives claims back, so that others need not wait for their leases. */
  async giveBack(claims: readonly ScheduleClaim[]): Promise<void> {
    if (claims.length === 0) return;
    try {
      await this.#options.store.release(claims);
    } catch (error) {
      // Their leases run out.
      this.#options.onError("give slots back", error);
    }
  }

  async #dispatch(slot: NamedSlot, held: AbortSignal): Promise<boolean> {
    const { claim } = slot;
    try {
      const completion = await this.#decide(slot);
      if (!held.aborted) return await this.#complete(completion);
      await this.giveBack([claim]);
      return true;
    } catch (error) {
      this.#options.onError(`dispatch schedule "${claim.entry.id}"`, error);
      // What cannot be computed here is left to its lease, and to another instance; what a store refused for now can be claimed again at once.
      if (!isAway(error)) return true;
      await this.giveBack([claim]);
      return false;
    }
  }

  async #decide({ claim, call, all }: NamedSlot): Promise<Decided> {
    const decision = decideSlot(claim, this.#options.graceMs);
    const next = decision.nextRunAt === undefined ? {} : { nextRunAt: decision.nextRunAt };
    if (decision.kind === "skip") {
      return { claim, outcome: { kind: "skipped", message: decision.message, ...next }, envelopes: [] };
    }
    try {
      await all;
      const { id: taskId, ...rest } = await call;
      const settings = this.#options.unique.settingsOf(claim.entry.task.name);
      const prepared = Promise.resolve(this.#options.preparer.prepare({ ...rest, id: taskId }));
      const message = `Cannot prepare task "${taskId}" in time`;
      const envelope = await withDeadline(prepared, this.#options.leaseMs / 2, { clock: this.#options.clock, message });
      const unique = settings === undefined ? {} : { unique: { envelope, args: rest.args, settings } };
      return { claim, outcome: { kind: "dispatched", taskId, ...next }, envelopes: [envelope], ...unique };
    } catch (error) {
      if (isAway(error)) throw error;
      return { claim, outcome: { kind: "failed", message: messageOf(error), ...next }, envelopes: [] };
    }
  }

  async #complete({ unique, ...completion }: Decided): Promise<boolean> {
    const { claim, outcome, envelopes } = completion;
    try {
      if (unique !== undefined) return await this.#completeUnique(completion, unique);
      const isCurrent = await this.#batcher.add(completion);
      this.#tell(claim, outcome, isCurrent);
      return true;
    } catch (error) {
      if (!isRefusal(error) || envelopes.length === 0) throw error;
      // It is the envelope that the store will never take.
      const { taskId: _taskId, ...rest } = outcome;
      return await this.#complete({ claim, outcome: { ...rest, kind: "failed", message: messageOf(error) }, envelopes: [] });
    }
  }

  /** Completes the slot while it holds the lock of its task, or as skipped when another task stands for that. */
  async #completeUnique(completion: SlotCompletion, unique: UniqueSlot): Promise<boolean> {
    const { claim, outcome } = completion;
    const result = await this.#options.unique.publish(unique, (envelope) => this.#batcher.add({ ...completion, envelopes: [envelope] }));
    if ("message" in result) {
      const { taskId: _taskId, ...rest } = outcome;
      return await this.#complete({ claim, outcome: { ...rest, kind: "skipped", message: result.message }, envelopes: [] });
    }
    this.#tell(claim, outcome, result.published);
    return true;
  }

  #tell(claim: ScheduleClaim, outcome: ScheduleOutcome, isCurrent: boolean): void {
    const { kind, taskId = "", message = "" } = outcome;
    if (!isCurrent) this.#options.emit({ type: "slot-lost", claim });
    else if (kind === "dispatched") this.#options.emit({ type: "slot-dispatched", claim, taskId });
    else this.#options.emit({ type: kind === "skipped" ? "slot-skipped" : "slot-failed", claim, message });
  }
}

/** Whether the same may succeed later, without anybody changing anything. */
function isAway(error: unknown): boolean {
  return StemError.is(error) && (error.code === "STORE" || error.code === "CLOSED");
}

function isRefusal(error: unknown): boolean {
  return StemError.is(error) && (error.code === "CONFIG" || error.code === "PAYLOAD" || error.code === "UNSUPPORTED");
}

const LONGEST_MESSAGE = 1_000;

function messageOf(error: unknown): string {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return message.slice(0, LONGEST_MESSAGE) || "no reason was given";
}
