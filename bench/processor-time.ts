/** Processor time: unlike the clock it does not run on while somebody else has the machine. */

import { readdir, readFile } from "node:fs/promises";
import process from "node:process";
import { Redis } from "ioredis";
import postgres from "postgres";
import type { Watch } from "./measure.ts";
import type { Place } from "./systems.ts";

/** What one operation takes of the processors that work on it, in microseconds. */
export interface ProcessorTime {
  /** In this process. */
  readonly here: number;
  /** In the server, all its processes together; absent where there is none, or where its processes cannot be seen. */
  readonly server?: number;
}

/** Meters the timed part of each run at that place; `latest()` answers for the run before, if operations were counted there. */
export function meterProcessorTime({ store, url }: Place): { readonly watch: Watch; readonly latest: () => ProcessorTime | undefined } {
  const serverTime = store === "redis" ? () => redisTime(url) : store === "postgres" ? () => postgresTime(url) : async () => undefined;
  let here = process.cpuUsage();
  let server: number | undefined;
  let latest: ProcessorTime | undefined;
  return {
    watch: {
      start: async () => {
        server = await serverTime();
        here = process.cpuUsage();
      },
      stop: async (count) => {
        const { user, system } = process.cpuUsage(here);
        const now = await serverTime();
        latest = {
          here: (user + system) / count,
          ...(now === undefined || server === undefined ? {} : { server: (now - server) / count }),
        };
      },
    },
    latest: () => {
      const time = latest;
      latest = undefined;
      return time;
    },
  };
}

/** What Redis has used so far, in microseconds. */
async function redisTime(url: string): Promise<number> {
  const admin = new Redis(url, { protocol: 2 });
  try {
    const info = await admin.info("cpu");
    return ["used_cpu_sys", "used_cpu_user"].reduce((sum, name) => sum + Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1]) * 1e6, 0);
  } finally {
    admin.disconnect();
  }
}

/** What a Postgres on this host has used so far, in microseconds: its sessions, its helpers, and those of them that have ended. */
async function postgresTime(url: string): Promise<number | undefined> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    const [row] = await sql`select pg_backend_pid() as pid`;
    const parent = (await statOf(String(row?.["pid"])))?.parent;
    if (parent === undefined) return undefined;
    let sum = 0;
    for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
      const stat = await statOf(pid);
      if (pid === parent) sum += (stat?.childrenMs ?? 0) * 1e3;
      if (pid === parent || stat?.parent === parent) sum += stat?.ownUs ?? 0;
    }
    return sum;
  } catch {
    // Not Linux, or not on this host.
    return undefined;
  } finally {
    await sql.end();
  }
}

async function statOf(pid: string): Promise<{ readonly parent: string; readonly ownUs: number; readonly childrenMs: number } | undefined> {
  try {
    const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /, "").split(" ");
    // Finer than the hundredths of a second in `stat`.
    const [onProcessorNs] = (await readFile(`/proc/${pid}/schedstat`, "utf8")).split(" ");
    return {
      parent: fields[1] ?? "",
      ownUs: Number(onProcessorNs) / 1e3,
      childrenMs: (Number(fields[13]) + Number(fields[14])) * 10,
    };
  } catch {
    // It has ended.
    return undefined;
  }
}
