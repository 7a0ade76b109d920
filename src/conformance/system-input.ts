import { ConfigError, PayloadError } from "../errors.ts";
import type { NamedCall } from "../tasks/task-call.ts";
import { task } from "../tasks/task.ts";
import type { ErrorClass } from "./assert.ts";
import { equal, ok, throws } from "./assert.ts";
import type { ConformanceCase } from "./case.ts";
import { expectCounts } from "./steps.ts";
import type { Rig } from "./system-rig.ts";
import { systemLaw } from "./system-rig.ts";
import { BAD_IDS } from "./values.ts";

type Refused = readonly [name: string, call: Omit<NamedCall, "task">, mention: string];

const taskId = "refused";
const cycle: unknown[] = [];
cycle.push(cycle);

const badArgs: readonly Refused[] = [
  ["a bigint", { args: { size: 1n } }, ".size"],
  ["a function", { args: [() => 1] }, "[0]"],
  ["a symbol", { args: Symbol("odd") }, "symbol"],
  ["a date", { args: { at: new Date(0) } }, ".at"],
  ["a map", { args: new Map() }, "Map"],
  ["bytes", { args: new Uint8Array(3) }, "Uint8Array"],
  ["NaN", { args: Number.NaN }, "NaN"],
  ["a list with a hole", { args: [1, undefined] }, "[1]"],
  ["a cycle", { args: cycle }, "contains itself"],
  ["an instance of a class", { args: new (class Money {})() }, "Money"],
  ["a bigint in meta", { meta: { size: 1n } }, "meta.size"],
  ["a date in meta", { meta: { at: new Date(0) } }, "meta.at"],
];

const badOptions: readonly Refused[] = [
  ...BAD_IDS.flatMap(([name, bad]): Refused[] => [
    [`${name} as id`, { id: bad }, "id"],
    [`${name} as queue`, { queue: bad }, "queue"],
    [`${name} as group`, { groupId: bad }, "groupId"],
    [`${name} as the name of a header`, { headers: { [bad]: "value" } }, "header"],
    [`${name} as a key of meta`, { meta: { [bad]: 1 } }, "meta"],
  ]),
  ["NUL inside meta", { meta: { text: "a\u0000b" } }, "text"],
  ["a priority of 10", { priority: 10 }, "10"],
  ["a priority of -1", { priority: -1 }, "-1"],
  ["a priority of 1.5", { priority: 1.5 }, "1.5"],
  ["a priority of NaN", { priority: Number.NaN }, "NaN"],
  ["maxRetries of -1", { maxRetries: -1 }, "-1"],
  ["maxRetries of Infinity", { maxRetries: Number.POSITIVE_INFINITY }, "Infinity"],
  ["a negative delay", { delay: -1 }, "-1"],
  ["a delay of NaN", { delay: Number.NaN }, "NaN"],
  ["a delay in words", { delay: "soon" }, "soon"],
  ["a delay of a thousand years", { delay: "365000d" }, "365000d"],
  ["an eta that is no date", { eta: new Date(Number.NaN) }, "eta"],
  ["an eta before 1970", { eta: -1 }, "eta"],
  ["both delay and eta", { delay: "1s", eta: 1_800_000_000_000 }, "both delay"],
  ["a negative expiry", { expires: -5 }, "-5"],
  ["an expiry that is no date", { expires: new Date(Number.NaN) }, "expires"],
  ["a soft limit of 0", { softTimeLimit: 0 }, "softTimeLimit"],
  ["a time limit of 0", { timeLimit: 0 }, "timeLimit"],
  ["a negative visibility timeout", { visibilityTimeout: -1 }, "visibilityTimeout"],
  ["a result TTL of 0", { resultTtl: 0 }, "resultTtl"],
  ["a retry policy with a negative delay", { retry: { delay: -1 } }, "delay of the retry policy"],
  ["a retry policy with a factor of 0", { retry: { factor: 0 } }, "factor"],
  ["a retry policy with jitter 2", { retry: { jitter: 2 } }, "jitter"],
  ["a retry policy with a limit below its delay", { retry: { delay: "2s", maxDelay: "1s" } }, "maxDelay"],
];

/** Makes sure that no trace of a refused task is in any store. */
async function expectNothing(rig: Rig, what: string): Promise<void> {
  await expectCounts(rig.context.broker, {}, `the queue after ${what}`);
  equal(await rig.context.results.get(taskId), undefined, `the status after ${what}`);
  equal((await rig.context.results.list()).items.length, 0, `how many statuses there are after ${what}`);
}

async function expectRefusals(rig: Rig, refused: readonly Refused[], expected: ErrorClass): Promise<void> {
  const stem = rig.stem();
  for (const [what, call, mention] of refused) {
    const error = await throws(() => stem.enqueue("work", { id: taskId, ...call }), expected, `enqueue with ${what}`);
    ok(error.message.includes(mention), `Expected the message about ${what} to mention ${mention}, found ${error.message}`);
    // A good call beside it is not accepted either.
    await throws(() => stem.enqueueMany([{ task: "work" }, { task: "work", id: taskId, ...call }]), expected, `enqueueMany with ${what}`);
    const link = { task: "work", ...call };
    await throws(() => stem.enqueue("work", { id: taskId, links: { onSuccess: [link] } }), expected, `a link with ${what}`);
    await throws(() => stem.enqueue("work", { id: taskId, links: { onFailure: [link] } }), expected, `a link after failure with ${what}`);
    await expectNothing(rig, what);
  }
}

/** Calls that cannot be carried out. */
export const systemInputCases: readonly ConformanceCase[] = Object.freeze([
  systemLaw("[Y18] arguments and meta that JSON cannot carry throw PayloadError, and nothing is written", async (rig) => {
    await expectRefusals(rig, badArgs, PayloadError);
  }),

  systemLaw("[Y18] options that cannot be used throw ConfigError, and nothing is written", async (rig) => {
    await expectRefusals(rig, badOptions, ConfigError);
  }),

  systemLaw("[Y18] names that cannot be used throw ConfigError, and nothing is written", async (rig) => {
    const stem = rig.stem();
    for (const [name, bad] of BAD_IDS) {
      await throws(() => stem.enqueue(bad, { id: taskId }), ConfigError, `a task whose name is ${name}`);
      await throws(async () => stem.handle(bad), ConfigError, `a handle on ${name}`);
      await throws(async () => task({ name: bad, run: () => 1 }), ConfigError, `defining a task whose name is ${name}`);
      await expectNothing(rig, name);
    }
  }),

  systemLaw("[Y18] an argument of 10 MB throws PayloadError with its size, and nothing is written", async (rig) => {
    const stem = rig.stem();
    const args = { text: "x".repeat(10 * 1024 * 1024) };
    const error = await throws(() => stem.enqueue("work", { id: taskId, args }), PayloadError, "enqueue with 10 MB");
    ok(/\b1048\d{4}\b/.test(error.message), `Expected the message to name the size, found ${error.message}`);
    ok(error.message.length < 1_000, `Expected a message of readable length, found ${error.message.length} characters`);
    await throws(() => stem.enqueueMany([{ task: "work" }, { task: "work", id: taskId, args }]), PayloadError, "enqueueMany with 10 MB");
    await expectNothing(rig, "10 MB");
    const handle = await stem.enqueue("work", { id: taskId, args: { text: "x".repeat(1024 * 1024) } });
    equal(handle.accepted, true, "whether 1 MB is accepted");
  }),

  systemLaw("[Y18] arguments that do not fit the schema throw PayloadError with the place, and nothing is written", async (rig) => {
    const input = {
      "~standard": {
        version: 1,
        vendor: "conformance",
        validate: async (value: unknown) =>
          typeof value === "string" ? { value } : { issues: [{ message: "expected text", path: ["who", { key: 0 }] }] },
      },
    } as const;
    const greet = task({ name: "greet", input, run: () => 1 });
    const stem = rig.stem({ registry: [greet] });
    for (const call of [() => stem.enqueue(greet, { id: taskId, args: 7 }), () => stem.enqueue("greet", { id: taskId, args: 7 })]) {
      const error = await throws(call, PayloadError, "enqueue with a number");
      ok(error.message.includes("who.0: expected text"), `Expected the place and the fault, found ${error.message}`);
      ok(error.message.includes(`"greet"`), `Expected the task's name, found ${error.message}`);
    }
    await expectNothing(rig, "a bad input");
    equal((await stem.enqueue(greet, { args: "you" })).accepted, true, "whether a good one is accepted");
  }),

  systemLaw("[Y18] enqueuing none does nothing", async (rig) => {
    equal(await rig.stem().enqueueMany([]), [], "the handles");
    await expectNothing(rig, "enqueuing none");
  }),

  systemLaw("[Y18] result() with a bad timeout throws ConfigError", async (rig) => {
    const handle = await rig.stem().enqueue("work");
    await throws(() => handle.result({ timeout: -1 }), ConfigError, "result() with a negative timeout");
    await throws(() => handle.result({ timeout: "later" }), ConfigError, "result() with a timeout in words");
  }),
]);
