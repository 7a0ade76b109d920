import { Wake } from "../async/wake.ts";
import { Beat } from "../beat/beat.ts";
import type { BeatOptions } from "../beat/beat-options.ts";
import type { BeatEvent } from "../beat/events.ts";
import type { Adapter } from "../contracts/adapter.ts";
import type { Logger } from "../contracts/logger.ts";
import type { ScheduleStore } from "../contracts/schedule-store.ts";
import type { ScheduleInput, ScheduleRun } from "../model/schedule.ts";
import { ok } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import type { Rig } from "./system-rig.ts";
import { onBothSystems, systemLaw, timedOnBothSystems, timedSystemLaw } from "./system-rig.ts";

/** How a case makes a Beat. */
export interface RigBeatOptions extends Partial<BeatOptions> {
  /** The connection to use. @default the first one */
  readonly on?: Adapter;
}

/** A Beat of a case, with a record of what happened in it. */
export interface RigBeat {
  /** The Beat. */
  readonly beat: Beat;
  /** Every event so far. */
  readonly events: readonly BeatEvent[];
  /** The slots of one kind of event, in order. */
  slots(type: "slot-dispatched" | "slot-skipped" | "slot-failed" | "slot-lost", scheduleId?: string): readonly number[];
}

const quiet: Logger = Object.freeze({ debug() {}, info() {}, warn() {}, error() {} });

// How long a signal may take in real time before the clock of the case moves on.
const turnMs = 250;
const mostTurns = 120;

/** The Beats of a case; they are stopped after it. */
export class BeatRig {
  /** Producers, workers, and what the case works with. */
  readonly rig: Rig;
  readonly #beats: RigBeat[] = [];
  readonly #wake = new Wake();

  /** Makes a rig without Beats. */
  constructor(rig: Rig) {
    this.rig = rig;
  }

  /** Makes a Beat that is not started yet. */
  beat({ on = this.rig.context.adapter, ...options }: RigBeatOptions = {}): RigBeat {
    const { isManual } = this.rig.context;
    const time = isManual ? { clock: this.rig.context.clock } : {};
    const beat = new Beat({ ...this.rig.system(on), store: on.schedules, logger: quiet, ...time, ...options });
    const events: BeatEvent[] = [];
    beat.subscribe((event) => {
      events.push(event);
      this.#wake.notify();
    });
    const made: RigBeat = {
      beat,
      events,
      slots: (type, scheduleId) =>
        events.flatMap((event) =>
          event.type === type && "claim" in event && event.claim.entry.id === (scheduleId ?? event.claim.entry.id) ? [event.claim.slot] : []
        ),
    };
    this.#beats.push(made);
    return made;
  }

  /** Makes a Beat and starts it. */
  async start(options: RigBeatOptions = {}): Promise<RigBeat> {
    const made = this.beat(options);
    await this.rig.context.within(made.beat.start());
    return made;
  }

  /** Writes a schedule of the task `"work"`, each second unless it says otherwise. */
  async schedule(input: Partial<ScheduleInput> & Pick<ScheduleInput, "id">, on: Adapter = this.rig.context.adapter): Promise<void> {
    await on.schedules.upsert({ spec: { kind: "interval", everyMs: 1_000 }, task: { name: "work" }, ...input });
  }

  /** Waits for what events bring about. In a case that moves time by hand, time goes on meanwhile, in steps of `stepMs`. */
  async until(what: string, holds: () => boolean, stepMs = 1_000): Promise<void> {
    for (let turns = 0; turns < mostTurns; turns++) {
      const ticket = this.#wake.ticket();
      if (holds()) return;
      const isManual = this.rig.context.isManual;
      if (await this.#wake.after(ticket, { timeoutMs: isManual && turns % 2 === 0 ? 20 : turnMs })) continue;
      if (isManual) await this.rig.context.clock.advance(stepMs);
    }
    ok(holds(), `Expected ${what}, but it did not come about`);
  }

  /** Waits until so many slots came to an end of one kind, over all Beats. */
  untilSlots(type: "slot-dispatched" | "slot-skipped" | "slot-failed", count: number, stepMs?: number): Promise<void> {
    const ended = (): number => this.#beats.reduce((sum, beat) => sum + beat.slots(type).length, 0);
    return this.until(`${count} events "${type}"`, () => ended() >= count, stepMs);
  }

  /** The past of a schedule, the earliest slot first. */
  async history(id: string): Promise<readonly ScheduleRun[]> {
    return (await this.rig.context.adapter.schedules.history(id, { limit: 100 })).items.toReversed();
  }

  /** Stops every Beat. What waits for a time to come ends by it. */
  async close(): Promise<void> {
    const { isManual, within } = this.rig.context;
    let isStopped = false;
    const stopped = Promise.all(this.#beats.map(({ beat }) => beat.stop())).then(() => {
      isStopped = true;
      this.#wake.notify();
    });
    if (isManual) await this.until("every Beat to stop", () => isStopped);
    await within(stopped);
  }
}

/** A schedule store with another implementation of one method. */
export function withScheduleMethod<Name extends keyof ScheduleStore>(
  store: ScheduleStore,
  name: Name,
  method: ScheduleStore[Name],
): ScheduleStore {
  return new Proxy(store, {
    get(target, key) {
      if (key === name) return method;
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      // Bound, since the store's private fields are not the proxy's.
      const bound: unknown = value.bind(target);
      return bound;
    },
  });
}

/** Makes a case with Beats, whose stores live in their own time. */
export function beatLaw(title: string, run: (beats: BeatRig) => Promise<void>): ConformanceCase {
  return systemLaw(title, withBeats(run));
}

/** Makes a case with Beats, all of which live by the clock of the case. */
export function timedBeatLaw(title: string, run: (beats: BeatRig) => Promise<void>): ConformanceCase {
  return timedSystemLaw(title, withBeats(run));
}

/** The same as {@link beatLaw} twice: with a ledger that shares the schedules' database, and with one that does not. */
export function beatLawOnBoth(title: string, run: (beats: BeatRig) => Promise<void>): readonly ConformanceCase[] {
  return onBothSystems(title, withBeats(run));
}

/** The same as {@link beatLawOnBoth}, by the clock of the case. */
export function timedBeatLawOnBoth(title: string, run: (beats: BeatRig) => Promise<void>): readonly ConformanceCase[] {
  return timedOnBothSystems(title, withBeats(run));
}

function withBeats(run: (beats: BeatRig) => Promise<void>): (rig: Rig) => Promise<void> {
  return async (rig) => {
    const beats = new BeatRig(rig);
    try {
      await run(beats);
    } finally {
      await beats.close();
    }
  };
}
