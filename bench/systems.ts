/**
 * What is measured, as one shape whoever does it: Stem, a peer, or the driver of a store with the least code that does the job.
 *
 * A scenario is written once over such a shape, so all that take part do the same work and have to prove it in the same way.
 */

import type { Adapter } from "@stem/stem";
import type { Payload } from "./measure.ts";

/** The stores. */
export type StoreName = "memory" | "sqlite" | "postgres" | "redis";

/** Where a run happens: nothing else is in that database. */
export interface Place {
  /** The store. */
  readonly store: StoreName;
  /** The server's URL, or the path of a file that is not there yet. */
  readonly url: string;
  /** A name that no other run has. */
  readonly space: string;
}

/** A queue of tasks that give back what they are given. */
export interface QueueSystem {
  /** Adds a task. */
  enqueue(payload: Payload): Promise<unknown>;
  /** Adds many with one call. */
  enqueueMany(payloads: readonly Payload[]): Promise<unknown>;
  /** Adds a task and waits for its result; absent where that cannot be had. */
  call?(payload: Payload): Promise<unknown>;
  /** Makes a worker that runs so many tasks at once, ready to start. */
  work(concurrency: number, run: (payload: Payload) => unknown): Promise<QueueWorker>;
  /** How many tasks wait or run. */
  unfinished(): Promise<number>;
  /** How many results are kept; absent where none are. */
  results?(): Promise<number>;
  /** Lets go of everything. */
  close(): Promise<void>;
}

/** A worker of a {@link QueueSystem}. */
export interface QueueWorker {
  /** Begins to claim. */
  start(): void;
  /** Waits until that many tasks have ended since the start, with all that is written about their end. */
  finished(count: number): Promise<void>;
  /** Ends it. */
  stop(): Promise<void>;
}

/** Values by their keys, kept for a day. */
export interface ResultSystem {
  /** Keeps a value. */
  set(key: string, value: Payload): Promise<unknown>;
  /** Gives what was kept. */
  get(key: string): Promise<unknown>;
  /** Gives what was kept under many keys, in their order, with one call; absent where that cannot be had. */
  getMany?(keys: readonly string[]): Promise<readonly unknown[]>;
  /** Lets go of everything. */
  close(): Promise<void>;
}

/** Locks that end by themselves after a minute. */
export interface LockSystem {
  /** Takes a lock; the function that it gives lets go of it and says whether it was still held. */
  acquire(key: string): Promise<() => Promise<boolean>>;
  /** Lets go of everything. */
  close(): Promise<void>;
}

/** What a program imports that uses a system. */
export interface Imports {
  /** The folder from which packages are looked up. */
  readonly folder: string;
  /** The modules. */
  readonly names: readonly string[];
}

/** Whatever a side can do, each made for one run. */
export interface Faces {
  /** Tasks. */
  readonly queue?: (place: Place) => Promise<QueueSystem>;
  /** Results. */
  readonly results?: (place: Place) => Promise<ResultSystem>;
  /** Locks. */
  readonly locks?: (place: Place) => Promise<LockSystem>;
  /** All stores of Stem. */
  readonly adapter?: (place: Place) => Promise<Adapter>;
  /** What a program imports that uses it. */
  readonly imports?: (place: Place) => Imports;
}

/** Calls `isDone` again and again, for systems that do not say when they are. */
export async function until(isDone: () => Promise<boolean>): Promise<void> {
  while (!await isDone()) await new Promise((resolve) => setTimeout(resolve, 2));
}
