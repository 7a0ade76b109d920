/** redlock on one Redis server: locks. */

import type { Faces } from "../systems.ts";
import { load } from "./load.ts";

/** The parts of redlock that are used here. */
interface Redlock {
  acquire(keys: readonly string[], ttlMs: number): Promise<{ release(): Promise<{ readonly attempts: readonly unknown[] }> }>;
  quit(): Promise<void>;
}

const { default: Redlock } = await load<{ readonly default: new (clients: readonly object[]) => Redlock }>("redlock", "default");
const { Redis } = await load<{ readonly Redis: new (url: string) => object }>("ioredis", "Redis");

/** What redlock can do. */
export const faces: Faces = {
  locks: async ({ url }) => {
    const redlock = new Redlock([new Redis(url)]);
    return {
      acquire: async (key) => {
        const lock = await redlock.acquire([key], 60_000);
        // It throws when the lock was lost.
        return async () => (await lock.release()).attempts.length > 0;
      },
      close: () => redlock.quit(),
    };
  },
};
