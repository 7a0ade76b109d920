/** A worker with nothing of what workers are for: it claims, runs, and writes the ends, one batch after the other. */

import type { QueueWorker } from "../systems.ts";

/** The three steps. */
export interface FloorWorkerOptions<Item> {
  /** Waits for tasks, and takes some. */
  readonly claim: () => Promise<readonly Item[]>;
  /** Runs one. */
  readonly run: (item: Item) => unknown;
  /** Writes what they gave, in their order. */
  readonly finish: (items: readonly Item[], values: readonly unknown[]) => Promise<void>;
  /** Ends a claim that waits. */
  readonly close?: () => unknown;
}

/** Makes the worker. */
export function floorWorker<Item>({ claim, run, finish, close }: FloorWorkerOptions<Item>): QueueWorker {
  let [isOpen, done] = [true, 0];
  let onDone: () => void = () => {};
  let failure: unknown;
  async function work(): Promise<void> {
    while (isOpen) {
      const items = await claim();
      await finish(items, items.map(run));
      done += items.length;
      onDone();
    }
  }
  return {
    start: () =>
      void work().catch((error: unknown) => {
        if (!isOpen) return;
        failure = error;
        onDone();
      }),
    finished: (count) =>
      new Promise((resolve, reject) => {
        onDone = () => {
          if (failure !== undefined) reject(new Error("Cannot count this run: the floor's worker failed", { cause: failure }));
          else if (done >= count) resolve();
        };
        onDone();
      }),
    stop: async () => {
      isOpen = false;
      await close?.();
    },
  };
}
