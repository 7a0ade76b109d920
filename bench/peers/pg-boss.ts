/** pg-boss on Postgres at its best: woken by LISTEN, whole arrays for the handler, a result for each job, several fetches at once. */

import type { Payload } from "../measure.ts";
import type { Faces, Place, QueueSystem } from "../systems.ts";
import { until } from "../systems.ts";
import { importing, load } from "./load.ts";

/** The parts of pg-boss that are used here. */
interface PgBossModule {
  readonly PgBoss: new (options: object) => PgBoss;
}

interface PgBoss {
  on(event: "error", listener: () => void): unknown;
  start(): Promise<unknown>;
  stop(options: object): Promise<void>;
  createQueue(name: string, options: object): Promise<void>;
  send(name: string, data: Payload): Promise<unknown>;
  insert(name: string, jobs: readonly { readonly data: Payload }[]): Promise<unknown>;
  work(name: string, options: object, handle: (jobs: readonly PgBossJob[]) => Promise<readonly object[]>): Promise<string>;
  offWork(name: string): Promise<void>;
  getDb(): { executeSql(text: string): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }> };
}

interface PgBossJob {
  readonly id: string;
  readonly data: Payload;
}

const { PgBoss } = await load<PgBossModule>("pg-boss", "PgBoss");

/** What pg-boss can do. */
export const faces: Faces = { queue, imports: importing("pg-boss") };

async function queue({ url }: Place): Promise<QueueSystem> {
  const boss = new PgBoss({ connectionString: url, max: 10, useListenNotify: true, supervise: false, schedule: false });
  boss.on("error", () => {});
  await boss.start();
  await boss.createQueue("echo", { notify: true });
  const count = async (states: string): Promise<number> =>
    Number(
      (await boss.getDb().executeSql(`select count(*) as count from pgboss.job where name = 'echo' and state ${states}`)).rows[0]
        ?.["count"],
    );
  const unfinished = (): Promise<number> => count("<> 'completed'");
  return {
    enqueue: (data) => boss.send("echo", data),
    enqueueMany: (payloads) => boss.insert("echo", payloads.map((data) => ({ data }))),
    work: async (concurrency, run) => {
      let [done, wanted] = [0, Number.POSITIVE_INFINITY];
      let resolve: () => void = () => {};
      const handle = async (jobs: readonly PgBossJob[]): Promise<readonly object[]> => {
        const ends = jobs.map(({ id, data }) => ({ id, status: "completed", output: run(data) ?? {} }));
        done += jobs.length;
        if (done >= wanted) resolve();
        return ends;
      };
      const options = {
        // Alone it would wait for its next look after each job; a whole array it works through one by one.
        batchSize: Math.max(concurrency, 10),
        localConcurrency: Math.min(concurrency, 10),
        perJobResults: true,
        pollingIntervalSeconds: 0.5,
        burstWhenBatchFull: true,
      };
      return {
        start: () => void boss.work("echo", options, handle),
        // It does not say when the ends are written.
        finished: async (many) => {
          await new Promise<void>((fulfil) => {
            if (done >= many) fulfil();
            [wanted, resolve] = [many, fulfil];
          });
          await until(async () => await unfinished() === 0);
        },
        stop: () => boss.offWork("echo"),
      };
    },
    unfinished,
    results: () => count("= 'completed'"),
    close: () => boss.stop({ graceful: false, close: true }),
  };
}
