/** Servers of a test's own, which it may kill: the others' tests would not like what happens to them. */

import { Redis } from "ioredis";
import postgresJs from "postgres";
import { startPostgres } from "../support/postgres-server.ts";
import { startRedis } from "../support/redis-server.ts";
import { needsPostgresPrograms, needsRedisProgram } from "../support/servers.ts";

/** A server that can be killed and started again. */
export interface MortalServer extends AsyncDisposable {
  /** Its URL. */
  readonly url: string;
  /** Kills it as `kill -9` does. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. */
  restart(): Promise<void>;
  /** Ends every connection but its own; answers how many. */
  endConnections(): Promise<number>;
}

/** The kinds of servers. */
export const mortals = [
  { name: "Postgres", needs: needsPostgresPrograms, start: startMortalPostgres },
  { name: "Redis", needs: needsRedisProgram, start: startMortalRedis },
] as const;

async function startMortalPostgres(): Promise<MortalServer> {
  const server = await startPostgres();
  const { url } = server;
  return {
    url,
    kill: () => server.kill(),
    restart: () => server.restart(),
    endConnections: async () => {
      const admin = postgresJs(url, { max: 1, onnotice: () => {} });
      const backends = await admin`select pg_terminate_backend(pid) from pg_stat_activity
        where backend_type = 'client backend' and pid <> pg_backend_pid()`;
      await admin.end();
      return backends.length;
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

// What it has acknowledged is on the disk: with `everysec`, its ordinary setting, the last second may be lost together with the machine.
async function startMortalRedis(): Promise<MortalServer> {
  const server = await startRedis({ settings: { appendfsync: "always" } });
  const { url } = server;
  return {
    url,
    kill: () => server.kill(),
    restart: () => server.restart(),
    endConnections: async () => {
      const admin = new Redis(url);
      let ended = 0;
      for (const type of ["NORMAL", "PUBSUB"]) ended += Number(await admin.call("CLIENT", "KILL", "TYPE", type));
      admin.disconnect();
      return ended;
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
}
