/** What several writers do to the same rows of a Postgres at once, where a statement looks first or goes to rows by where they stand. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Adapter } from "../../src/contracts/adapter.ts";
import { ledgerFor } from "../../src/ledger/ledger-for.ts";
import { envelope } from "../../src/model/envelope.ts";
import { postgres } from "../../src/postgres.ts";
import { needsPostgres, postgresUrl } from "../support/servers.ts";
import { withSchema } from "./databases.ts";

const WRITERS = 6;
const TASKS = 200;

test(
  "Postgres: of writers that bring the same tasks at once one brings each, and none fails",
  { ...needsPostgres, timeout: 60_000 },
  () =>
    withWriters(async (writers) => {
      for (let round = 0; round < 5; round++) {
        const tasks = Array.from({ length: TASKS }, (_, index) => envelope({ name: "demo", id: `task-${round}-${index}` }));
        const answers = await Promise.all(writers.map(({ broker, results }) => ledgerFor(broker, results).enqueue(tasks)));
        for (const [at, { id }] of tasks.entries()) {
          assert.equal(answers.filter((accepted) => accepted[at] === true).length, 1, id);
        }
      }
      assert.equal((await first(writers).broker.counts("default")).ready, 5 * TASKS);
    }),
);

test(
  "Postgres: tasks whose rows are rewritten while they are claimed are all claimed, each once",
  { ...needsPostgres, timeout: 60_000 },
  () =>
    withWriters(async (writers) => {
      const rewriter = first(writers);
      const { broker, results } = rewriter;
      const ids = Array.from({ length: TASKS }, (_, index) => `task-${index}`);
      await ledgerFor(broker, results).enqueue(ids.map((id) => envelope({ name: "demo", id })));
      const claimed: string[] = [];
      const rewrites = (async () => {
        let count = 0;
        // A new place for every row that still waits, and nothing else.
        for (; claimed.length < TASKS; count++) await Promise.all(ids.map((id) => rewriter.results.expire(id, 60_000 + count)));
        return count;
      })();
      await Promise.all(
        writers.slice(1).map(async (claimer, index) => {
          const ledger = ledgerFor(claimer.broker, claimer.results);
          while (claimed.length < TASKS) {
            const deliveries = await ledger.claim({ queues: ["default"], consumer: `claimer-${index}`, limit: 3, waitMs: 200 });
            claimed.push(...deliveries.map((delivery) => delivery.envelope.id));
          }
        }),
      );
      assert.ok(await rewrites > 0, "nothing was rewritten");
      assert.deepEqual(claimed.toSorted(), ids.toSorted());
    }),
);

function withWriters(work: (writers: readonly Adapter[]) => Promise<void>): Promise<void> {
  return withSchema(async (schema) => {
    const writers = await Promise.all(Array.from({ length: WRITERS }, () => postgres(postgresUrl(), { schema, maxConnections: 2 })));
    try {
      await work(writers);
    } finally {
      await Promise.all(writers.map((writer) => writer.close()));
    }
  });
}

function first(writers: readonly Adapter[]): Adapter {
  const [writer] = writers;
  assert.ok(writer !== undefined);
  return writer;
}
