/** What a worker tells the others about itself, again and again while it lives. */
export interface Heartbeat {
  /** The worker's id, unique per process. */
  readonly workerId: string;
  /** The queues it serves. */
  readonly queues: readonly string[];
  /** How many tasks it runs at once at most. */
  readonly concurrency: number;
  /** The ids of the tasks it runs now. */
  readonly running: readonly string[];
  /** How many tasks it has ended since it started. */
  readonly processed: number;
  /** When it started, by its own clock. */
  readonly startedAt: number;
  /** JSON values of its own: host name, process id, runtime, version. */
  readonly meta: Readonly<Record<string, unknown>>;
}

/** A heartbeat as the store keeps it. */
export interface StoredHeartbeat extends Heartbeat {
  /** When the store received it, by the store's clock. */
  readonly seenAt: number;
  /** When the worker counts as gone unless it reports before. */
  readonly expiresAt: number;
}
