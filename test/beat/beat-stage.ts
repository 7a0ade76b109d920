/** A Beat on memory stores that live by a manual clock, with a record of what happened, and a way to wait until it sleeps. */

import assert from "node:assert/strict";
import type { Adapter, BeatEvent, BeatOptions, Envelope, ScheduleInput, ScheduleStore } from "../../src/mod.ts";
import { Beat, ManualClock, memory } from "../../src/mod.ts";
import { nextTurn } from "../../src/time/next-turn.ts";

/** What a test works with. */
export interface BeatStage extends AsyncDisposable {
  /** The clock of everything. */
  readonly clock: ManualClock;
  /** The stores. */
  readonly adapter: Adapter;
  /** What was logged. */
  readonly logged: readonly string[];
  /** Makes a Beat and starts it; it sleeps when this resolves. */
  start(options?: Partial<BeatOptions>): Promise<StagedBeat>;
  /** Writes a schedule; every Beat has looked at it when this resolves. */
  schedule(input: Partial<ScheduleInput> & Pick<ScheduleInput, "id">): Promise<void>;
  /** Moves time, in steps of at most `stepMs`; every Beat sleeps again when this resolves, but for so many slots that do not come to their end. */
  pass(ms: number, stepMs?: number, stuck?: number): Promise<void>;
  /** Everything that waits in a queue, by the order of claiming; hidden ones are not among them. */
  take(queue?: string): Promise<readonly Envelope[]>;
}

/** A Beat with its events. */
export interface StagedBeat {
  /** The Beat. */
  readonly beat: Beat;
  /** Every event so far. */
  readonly events: readonly BeatEvent[];
  /** The slots of one kind of event. */
  slots(type: "slot-dispatched" | "slot-skipped" | "slot-failed" | "slot-lost", scheduleId?: string): readonly number[];
}

/** The instant at which the clock of a stage starts. */
export const START = Date.UTC(2026, 0, 1);

/** Sets the stage. */
export function setBeatStage(): BeatStage {
  const clock = new ManualClock({ start: START });
  const adapter = memory({ clock });
  const logged: string[] = [];
  const log = (message: string, fields?: object) => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const beats: Beat[] = [];
  const traffic = new Traffic();
  const settle = () => traffic.settle();
  return {
    clock,
    adapter,
    logged,
    start: async (options = {}) => {
      const store = traffic.through(options.store ?? adapter.schedules);
      const beat = new Beat({
        broker: adapter.broker,
        backend: adapter.results,
        clock,
        logger: { debug: log, info: log, warn: log, error: log },
        ...options,
        store,
      });
      beats.push(beat);
      const events: BeatEvent[] = [];
      beat.subscribe((event) => events.push(event));
      await beat.start();
      await settle();
      return {
        beat,
        events,
        slots: (type, scheduleId) =>
          events.flatMap((event) =>
            event.type === type && "claim" in event && event.claim.entry.id === (scheduleId ?? event.claim.entry.id)
              ? [event.claim.slot]
              : []
          ),
      };
    },
    schedule: async (input) => {
      await adapter.schedules.upsert({ spec: { kind: "interval", everyMs: 1_000 }, task: { name: "work" }, ...input });
      await settle();
    },
    pass: async (ms, stepMs = 1_000, stuck = 0) => {
      for (let left = ms; left > 0; left -= stepMs) {
        await clock.advance(Math.min(stepMs, left));
        await traffic.settle(stuck);
      }
    },
    take: async (queue = "default") => {
      const deliveries = await adapter.broker.claim({ queues: [queue], limit: 1_000, consumer: "test" });
      await adapter.broker.settle(deliveries.map((delivery) => ({ delivery, settlement: { kind: "ack" } })));
      return deliveries.map(({ envelope }) => envelope);
    },
    [Symbol.asyncDispose]: async () => {
      const stopped = Promise.all(beats.map((beat) => beat.stop())).then(() => true);
      // What waits for a time to come ends by it.
      while (!await Promise.race([stopped, clock.advance(1_000).then(() => false)]));
      await adapter.close();
    },
  };
}

/** Counts what is under way between Beats and their stores. */
class Traffic {
  #busy = 0;
  #calls = 0;

  /** A store whose calls are counted, and whose claims count until they have come to their end. */
  through(store: ScheduleStore): ScheduleStore {
    return new Proxy(store, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        if (key === "watch" || key === "close") return (...parameters: unknown[]): unknown => Reflect.apply(value, target, parameters);
        return async (...parameters: unknown[]) => {
          this.#busy += 1;
          this.#calls += 1;
          try {
            const answer: unknown = await Reflect.apply(value, target, parameters);
            if (key === "claimDue" && Array.isArray(answer)) this.#busy += answer.length;
            if ((key === "completeAndPublish" || key === "release") && Array.isArray(answer)) this.#busy -= answer.length;
            return answer;
          } finally {
            this.#busy -= 1;
          }
        };
      },
    });
  }

  /** Resolves once nothing is under way, and nothing begins by itself. */
  async settle(stuck = 0): Promise<void> {
    let calls = -1;
    for (let turns = 0; this.#busy > stuck || this.#calls !== calls; turns++) {
      assert.ok(turns < 100_000, "the Beats do not come to rest");
      calls = this.#calls;
      for (let count = 0; count < 5; count++) await nextTurn();
    }
  }
}
