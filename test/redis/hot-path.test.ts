/** The operations that a worker lives on are one script each, for one task and for many, and most of what a script does it does for all at once. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "ioredis";
import type { TaskLedger } from "../../src/contracts/task-ledger.ts";
import { ledgerFor } from "../../src/ledger/ledger-for.ts";
import { envelope } from "../../src/model/envelope.ts";
import type { Delivery, Settlement } from "../../src/model/delivery.ts";
import type { TaskState } from "../../src/model/task-state.ts";
import type { RedisTrip } from "../../src/redis.ts";
import { redis } from "../../src/redis.ts";
import { startRedis } from "../support/redis-server.ts";
import { needsRedisProgram } from "../support/servers.ts";

const SIZES = [1, 10, 40];

/** Of each operation what goes to the server, how many commands its script is at most for one task, and how many more for each task more. */
const expected = {
  publish: { trips: ["publish"], one: 10, perTask: 0 },
  claim: { trips: ["claim"], one: 15, perTask: 0 },
  extend: { trips: ["extendLease"], one: 7, perTask: 2 },
  settle: { trips: ["settle"], one: 9, perTask: 0 },
  enqueue: { trips: ["enqueue"], one: 11, perTask: 0 },
  "ledger claim": { trips: ["claim"], one: 17, perTask: 0 },
  "finish as succeeded": { trips: ["finish"], one: 15, perTask: 1 },
  "finish for another attempt": { trips: ["finish"], one: 26, perTask: 3 },
  "finish as dead": { trips: ["finish"], one: 32, perTask: 12 },
  set: { trips: ["set"], one: 10, perTask: 0 },
  get: { trips: ["get"], one: 1, perTask: 0 },
  revoke: { trips: ["upsertAll"], one: 12, perTask: 0 },
  "match revocations": { trips: ["match"], one: 2, perTask: 0 },
  "acquire locks": { trips: ["acquire"], one: 6, perTask: 2 },
  "take from buckets": { trips: ["acquire"], one: 5, perTask: 2 },
} as const;

type Operation = keyof typeof expected;

/** What one run of an operation cost. */
interface Cost {
  readonly trips: readonly string[];
  readonly commands: Readonly<Record<string, number>>;
}

test("redis: hot operations are one round trip each, and cost few commands", { ...needsRedisProgram, timeout: 60_000 }, async (t) => {
  await using server = await startRedis();
  const trips: RedisTrip[] = [];
  const client = new Redis(server.url);
  await using adapter = await redis(server.url, { onTrip: (trip) => void trips.push(trip) });
  const { broker, results, revocations, locks, limiter } = adapter;
  const ledger = ledgerFor(broker, results);
  const costs = new Map<Operation, Cost[]>();
  const within = async <T>(operation: Operation, work: () => Promise<T>): Promise<T> => {
    const from = trips.length;
    const before = await calls(client);
    const answer = await work();
    const after = await calls(client);
    const commands = Object.fromEntries(
      [...after].flatMap(([name, count]) => count > (before.get(name) ?? 0) ? [[name, count - (before.get(name) ?? 0)]] : []),
    );
    costs.set(operation, [...costs.get(operation) ?? [], { trips: trips.slice(from).map(({ name }) => name), commands }]);
    return answer;
  };
  const round = async (size: number, name: string): Promise<void> => {
    const options = { queues: ["default"], consumer: "c", limit: size } as const;
    const fresh = (prefix: string) => Array.from({ length: size }, (_, n) => envelope({ name: "demo", id: `${prefix}-${name}-${n}` }));
    assert.ok((await within("publish", () => broker.publish(fresh("publish")))).every(Boolean));
    const claimed = await within("claim", () => broker.claim(options));
    assert.equal(claimed.length, size);
    assert.ok((await within("extend", () => broker.extendLease(claimed, 60_000))).every((end) => end !== undefined));
    const acks = claimed.map((delivery) => ({ delivery, settlement: { kind: "ack" } as const }));
    assert.ok((await within("settle", () => broker.settle(acks))).every(Boolean));
    for (const operation of ["finish as succeeded", "finish as dead", "finish for another attempt"] as const) {
      assert.ok((await within("enqueue", () => ledger.enqueue(fresh(operation)))).every(Boolean));
      const deliveries = await within("ledger claim", () => ledger.claim(options));
      assert.equal(deliveries.length, size);
      await within(operation, () => finish(ledger, deliveries, endings[operation]));
    }
    const ids = fresh("set").map(({ id }) => id);
    assert.ok((await within("set", () => results.setMany(ids.map((id) => ({ id, state: "running" }))))).every(Boolean));
    assert.ok((await within("get", () => results.getMany(ids))).every((status) => status?.state === "running"));
    const decisions = ids.map((id) => ({ target: { kind: "task", id } as const, terminate: true }));
    assert.equal((await within("revoke", () => revocations.upsertAll(decisions))).length, size);
    const tasks = fresh("set").map((task) => ({ ...task, headers: { tenant: "acme" } }));
    assert.ok((await within("match revocations", () => revocations.match(tasks))).every((found) => found?.terminate === true));
    const taken = await within("acquire locks", () => locks.acquireAll(ids.map((key) => ({ key, owner: "o", ttl: "1m" }))));
    assert.ok(taken.every((lock) => lock !== undefined));
    const allowed = await within("take from buckets", () => limiter.acquireMany(ids.map((key) => ({ key, limit: 1, per: "1m" }))));
    assert.ok(allowed.every((decision) => decision.allowed));
  };
  try {
    // The server learns the scripts.
    await round(1, "warm");
    costs.clear();
    for (const size of SIZES) await round(size, String(size));
  } finally {
    client.disconnect();
  }
  t.diagnostic(
    [...costs].map(([operation, runs]) =>
      `${operation}: ${runs.map(({ commands }) => `${sum(commands)}`).join(", ")}; ${show(runs.at(-1)?.commands)}`
    ).join("\n"),
  );
  for (const [operation, runs] of costs) {
    for (const { trips: names } of runs) assert.deepEqual(names, expected[operation].trips, operation);
    // Some run more than once at each size.
    const cost = (size: number): number => sum(runs[SIZES.indexOf(size) * (runs.length / SIZES.length)]?.commands ?? {});
    const more = (cost(40) - cost(10)) / 30;
    assert.ok(
      cost(1) > 0 && cost(1) <= expected[operation].one,
      `${operation}: ${cost(1)} commands for one task, ${show(runs[0]?.commands)}`,
    );
    assert.ok(more <= expected[operation].perTask, `${operation}: ${more} commands for each task more, ${show(runs.at(-1)?.commands)}`);
  }
});

/** How often the server has carried out each command, whoever asked for it. */
async function calls(client: Redis): Promise<ReadonlyMap<string, number>> {
  const found = (await client.info("commandstats")).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
  return new Map([...found].flatMap(([, name = "", count]) => name === "info" ? [] : [[name, Number(count)]]));
}

function sum(commands: Readonly<Record<string, number>>): number {
  return Object.values(commands).reduce((total, count) => total + count, 0);
}

function show(commands: Readonly<Record<string, number>> = {}): string {
  return Object.entries(commands).map(([name, count]) => `${name} ${count}`).join(", ");
}

async function finish(ledger: TaskLedger, deliveries: readonly Delivery[], { state, settlement }: Ending): Promise<void> {
  const outcomes = await ledger.finish(deliveries.map((delivery) => ({ delivery, settlement, status: { state } })));
  assert.ok(outcomes.every((outcome) => outcome.settled && outcome.state === state));
}

interface Ending {
  readonly state: TaskState;
  readonly settlement: Settlement;
}

const endings = {
  "finish as succeeded": { state: "succeeded", settlement: { kind: "ack" } },
  "finish as dead": { state: "failed", settlement: { kind: "deadLetter", reason: "test" } },
  "finish for another attempt": { state: "retrying", settlement: { kind: "retry", delayMs: 3_600_000 } },
} as const satisfies Record<string, Ending>;
