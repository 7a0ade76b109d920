/** What is measured of Stem alone: what its peers do not have, or not in this form. */

import type { Adapter } from "@stem/stem";
import { Stem, task, Worker } from "@stem/stem";
import { inFlight, median, type Payload, payload, perSecond } from "./measure.ts";
import { expectCount } from "./queue-scenarios.ts";
import type { Scale } from "./scenarios.ts";

/** How long from storing a result until the last of 100 who watch it has it, in milliseconds: the median. */
export async function watchResult({ results }: Adapter, { waits }: Scale): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < waits; run++) {
    const id = `watched-${run}`;
    await results.set(id, "running");
    const watches = Array.from({ length: 100 }, () => results.watch(id)[Symbol.asyncIterator]());
    // The first status is the present one: then they watch.
    await Promise.all(watches.map((watch) => watch.next()));
    const from = performance.now();
    await results.set(id, "succeeded", { payload: payload(run) });
    const told = await Promise.all(watches.map((watch) => watch.next()));
    times.push(performance.now() - from);
    expectCount("told", told.filter(({ done, value }) => done !== true && value.state === "succeeded").length, 100);
    await Promise.all(watches.map(async (watch) => await watch.return?.()));
  }
  return median(times);
}

/** Looks up whether 100 tasks are revoked, again and again, beside 10,000 revocations. Gives how many tasks a second. */
export async function checkRevocations({ revocations }: Adapter, count: number): Promise<number> {
  const stored = Math.min(count, 10_000);
  for (let from = 0; from < stored; from += 1_000) {
    const length = Math.min(1_000, stored - from);
    await revocations.upsertAll(
      Array.from({ length }, (_, at) => ({ target: { kind: "task", id: `revoked-${from + at}` }, terminate: false })),
    );
  }
  let revoked = 0;
  const rate = await perSecond(count, () =>
    inFlight(count / 100, 4, async (portion) => {
      const found = await revocations.match(Array.from({ length: 100 }, (_, at) => ({
        id: at === 0 ? `revoked-${portion % stored}` : `task-${portion}-${at}`,
        name: "bench.echo",
        enqueuedAt: 1,
        headers: {},
      })));
      revoked += found.filter((revocation) => revocation !== undefined).length;
    }));
  expectCount("revoked", revoked, count / 100);
  return rate;
}

/** Runs groups of 1,000 tasks, each until it knows that all of its members have ended. Gives how many tasks a second. */
export async function runGroups({ broker, results: backend }: Adapter, count: number): Promise<number> {
  const echo = task({ name: "bench.echo", run: (_context, args: Payload) => args });
  const stem = new Stem({ broker, backend, registry: [echo] });
  const worker = new Worker({ broker, backend, registry: [echo], concurrency: 100 });
  await worker.start();
  const size = Math.min(1_000, count);
  const rate = await perSecond(count, async () => {
    for (let from = 0; from < count; from += size) {
      const [groupId, taskIds] = [`group-${from}`, Array.from({ length: size }, (_, at) => `member-${from + at}`)];
      await backend.initGroup({ id: groupId, taskIds });
      await stem.enqueueMany(taskIds.map((id, at) => ({ task: echo, args: payload(from + at), id, groupId })));
      await Promise.all(taskIds.map((id) => backend.waitFor(id, { timeout: "1m" })));
      const group = await backend.getGroup(groupId);
      expectCount("ended in the group", group?.ended ?? 0, size);
    }
  });
  await worker.shutdown();
  return rate;
}

/** Claims and completes due slots, 100 at a time, among `scale.large / 10` schedules. Gives how many slots a second. */
export async function claimSchedules({ schedules }: Adapter, { large, many }: Scale): Promise<number> {
  const total = large / 10;
  const due = Math.min(many, total / 2);
  const now = Date.now();
  await inFlight(total, 100, (index) => {
    // Due ones lie scattered among those that fire in an hour.
    const at = index % Math.floor(total / due) === 0 ? now + 10 : now + 3_600_000;
    return schedules.upsert({ id: `schedule-${index}`, spec: { kind: "clocked", at }, task: { name: "bench.echo", args: payload(index) } });
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  let completed = 0;
  const rate = await perSecond(due, async () => {
    while (completed < due) {
      const claims = await schedules.claimDue({ limit: 100, owner: "bench", leaseMs: 60_000 });
      const done = await Promise.all(claims.map((claim) => schedules.complete(claim, { kind: "dispatched" })));
      completed += done.filter(Boolean).length;
      if (claims.length === 0) throw new Error(`Cannot count this run: only ${completed} of ${due} slots were due`);
    }
  });
  return rate;
}
