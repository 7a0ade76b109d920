import { ConflictError } from "../errors.ts";
import type { ScheduleEntry, ScheduleInput } from "../model/schedule.ts";
import { systemRandom } from "../time/random.ts";
import { equal, ok, present, throws } from "./assert.ts";
import { type ConformanceCase, law, timedLaw } from "./case.ts";
import { seededRandom } from "./model-based.ts";
import { claimDue, dispatched, entryOf, everyMinute, SECOND } from "./schedule-steps.ts";
import { drawSchedule, SCHEDULE_KINDS } from "./schedule-values.ts";
import { scribble } from "./steps.ts";
import { AWKWARD_IDS, JSON_VALUES, META_VALUES } from "./values.ts";

const DRAWN_OF_EACH_KIND = 30;

/** What a schedule store keeps of entries, and how their versions count. */
export const scheduleEntryCases: readonly ConformanceCase[] = Object.freeze([
  timedLaw("[S1] every field of drawn entries of all kinds comes back from another connection", async ({ adapter, clock, second, id }) => {
    const seed = Math.floor(systemRandom() * 2 ** 31);
    const random = seededRandom(seed);
    const reader = (await second()).schedules;
    for (const kind of SCHEDULE_KINDS) {
      for (let count = 0; count < DRAWN_OF_EACH_KIND; count++) {
        const input = drawSchedule(id(kind), kind, random);
        const given = structuredClone(input);
        const told = await adapter.schedules.upsert(input);
        equal(input, given, `what was given (seed ${seed})`);
        const expected = stored(input, { version: 1, at: clock.now() });
        equal(withoutSlot(told), expected, `what the upsert of a ${kind} schedule tells (seed ${seed})`);
        equal(await reader.get(input.id), told, `what is read of a ${kind} schedule (seed ${seed})`);
      }
    }
    const { items } = await reader.list({ limit: 1_000 });
    equal(items.length, SCHEDULE_KINDS.length * DRAWN_OF_EACH_KIND, "how many are listed");
    for (const item of items) equal(item, await adapter.schedules.get(item.id), `what is listed (seed ${seed})`);
  }),

  timedLaw(
    "[S1 S2] drawn entries that replace one another come back as the last one",
    async ({ adapter: { schedules }, clock, second, id }) => {
      const seed = Math.floor(systemRandom() * 2 ** 31);
      const random = seededRandom(seed);
      const reader = (await second()).schedules;
      const name = id("schedule");
      const createdAt = clock.now();
      for (let count = 0; count < 50; count++) {
        const kind = present(SCHEDULE_KINDS[Math.floor(random() * SCHEDULE_KINDS.length)], "a kind");
        const input = drawSchedule(name, kind, random);
        const before = await schedules.get(name);
        await schedules.upsert(input);
        const read = await entryOf(reader, name);
        const changed = before === undefined || read.version === before.version + 1;
        ok(changed || read.version === before.version, `Expected the version to rise by one, found ${read.version} (seed ${seed})`);
        const { updatedAt } = changed ? { updatedAt: clock.now() } : read;
        equal(withoutSlot(read), stored(input, { version: read.version, at: createdAt, updatedAt }), `change ${count} (seed ${seed})`);
        await clock.advance(SECOND);
      }
    },
  ),

  law("[S1] JSON values come back byte-equal in meaning, in arguments and meta alike", async ({ adapter: { schedules }, second, id }) => {
    const reader = (await second()).schedules;
    for (const [name, value] of JSON_VALUES) {
      const entry = await schedules.upsert(everyMinute(id("args"), { task: { name: "t", args: value } }));
      equal((await entryOf(reader, entry.id)).task, { name: "t", args: value }, `${name} as arguments`);
    }
    for (const [name, value] of META_VALUES) {
      const entry = await schedules.upsert(everyMinute(id("meta"), { task: { name: "t", meta: { value } }, meta: { value } }));
      const read = await entryOf(reader, entry.id);
      equal([read.task.meta, read.meta], [{ value }, { value }], `${name} in meta`);
    }
  }),

  timedLaw("[S1] what is not given is filled in, or absent", async ({ adapter: { schedules }, clock, id }) => {
    const name = id();
    const at = clock.now();
    const expected: ScheduleEntry = {
      ...everyMinute(name),
      ...{ timeZone: "UTC", jitterMs: 0, enabled: true, misfire: { kind: "fire-once" }, meta: {} },
      ...{ version: 1, createdAt: at, updatedAt: at, nextRunAt: at + 60 * SECOND, runs: 0 },
    };
    equal(await schedules.upsert({ ...everyMinute(name), ...absent }), expected, "what the upsert tells");
    equal(await schedules.get(name), expected, "what is read");
    equal((await schedules.list()).items, [expected], "what is listed");
  }),

  law("[S1] awkward ids are kept apart, and listed once each, page by page", async ({ adapter: { schedules }, second }) => {
    const reader = (await second()).schedules;
    for (const [index, id] of AWKWARD_IDS.entries()) await schedules.upsert(everyMinute(id, { meta: { index } }));
    for (const [index, id] of AWKWARD_IDS.entries()) equal((await entryOf(reader, id)).meta, { index }, `the entry of ${id}`);
    const listed: string[] = [];
    for (let cursor: { readonly cursor?: string } = {};;) {
      const page = await reader.list({ limit: 4, ...cursor });
      listed.push(...page.items.map((entry) => entry.id));
      if (page.cursor === undefined || listed.length > AWKWARD_IDS.length) break;
      equal(page.items.length, 4, "the length of a page before the last");
      cursor = { cursor: page.cursor };
    }
    equal(listed.toSorted(), AWKWARD_IDS.toSorted(), "all that was listed");
    equal((await reader.list({ limit: AWKWARD_IDS.length })).cursor, undefined, "the cursor of a page that holds all");
    equal(await reader.get("unknown"), undefined, "what is not known");
  }),

  law("[S1] entries are listed by id", async ({ adapter: { schedules } }) => {
    for (const name of ["c3", "a1", "b2", "d4", "e5"]) await schedules.upsert(everyMinute(name));
    const first = await schedules.list({ limit: 2 });
    equal(first.items.map(({ id }) => id), ["a1", "b2"], "the first page");
    await schedules.remove("b2");
    const rest = await schedules.list({ cursor: present(first.cursor, "a cursor") });
    equal([rest.items.map(({ id }) => id), rest.cursor], [["c3", "d4", "e5"], undefined], "the rest, after an entry was removed");
  }),

  timedLaw("[S1] changing what was given or told changes nothing inside", async ({ adapter: { schedules }, clock, id }) => {
    const name = id();
    const list = [1];
    const told = await schedules.upsert(everyMinute(name, { task: { name: "t", args: { list } }, meta: { list } }));
    list.push(2);
    scribble(told);
    const read = await entryOf(schedules, name);
    equal([read.task.args, read.meta], [{ list: [1] }, { list: [1] }], "what is read");
    scribble(read);
    for (const item of (await schedules.list()).items) scribble(item);
    await clock.advance(60 * SECOND);
    for (const claim of await claimDue(schedules)) scribble(claim);
    const again = await schedules.upsert(everyMinute(name, { task: { name: "t", args: { list: [1] } }, meta: { list: [1] } }));
    equal(again.version, 1, "the version after the same was written again");
    scribble(again);
    equal((await entryOf(schedules, name)).meta, { list: [1] }, "what is read in the end");
  }),

  timedLaw("[S2] versions rise by one with each change, and tell when it was", async ({ adapter: { schedules }, clock, second, id }) => {
    const name = id();
    const createdAt = clock.now();
    const other = (await second()).schedules;
    for (let version = 1; version <= 5; version++) {
      const entry = await (version % 2 === 0 ? schedules : other).upsert(everyMinute(name, { meta: { version } }));
      equal([entry.version, entry.createdAt, entry.updatedAt], [version, createdAt, clock.now()], "version, creation and change");
      equal((await entryOf(schedules, name)).version, version, "the version that is read");
      await clock.advance(5 * SECOND);
    }
  }),

  timedLaw("[S2] what changes nothing is no change, whatever the order of keys", async ({ adapter: { schedules }, clock, id }) => {
    const name = id();
    const input = everyMinute(name, { task: { name: "t", args: { a: 1, b: [{ c: 2, d: 3 }] }, headers: { x: "1", y: "2" } } });
    const first = await schedules.upsert(input);
    await clock.advance(SECOND);
    const same: readonly ScheduleInput[] = [
      input,
      first,
      { ...input, version: 1 },
      { ...input, timeZone: "UTC", jitterMs: 0, enabled: true, misfire: { kind: "fire-once" }, meta: {} },
      { ...input, task: { headers: { y: "2", x: "1" }, args: { b: [{ d: 3, c: 2 }], a: 1 }, name: "t" } },
      { ...input, spec: { everyMs: 60 * SECOND, kind: "interval" } },
    ];
    for (const one of same) equal(await schedules.upsert(one), first, "what the upsert tells");
    equal(await schedules.get(name), first, "what is read");
    const changed = { ...input, task: { ...input.task, args: { a: 1, b: [{ c: 2 }, { d: 3 }] } } };
    equal((await schedules.upsert(changed)).version, 2, "the version after a change deep inside");
  }),

  law("[S2] an upsert that names another version changes nothing", async ({ adapter: { schedules }, second, id }) => {
    const name = id();
    await throws(() => schedules.upsert(everyMinute(name, { version: 1 })), ConflictError, "version 1 of what is not there");
    equal(await schedules.get(name), undefined, "what is read after that");
    const first = await schedules.upsert(everyMinute(name, { version: 0 }));
    const other = (await second()).schedules;
    await throws(() => other.upsert(everyMinute(name, { version: 0 })), ConflictError, "version 0 of what is there");
    await throws(() => other.upsert(everyMinute(name, { version: 2, meta: { a: 1 } })), ConflictError, "a version that is to come");
    equal(await other.get(name), first, "what is read after that");
    const later = await other.upsert(everyMinute(name, { version: 1, meta: { a: 1 } }));
    equal(later.version, 2, "the version after a change of the one that was named");
    // The version is looked at first: the same entry under an old one is a conflict too.
    await throws(
      () => schedules.upsert(everyMinute(name, { version: 1, meta: { a: 1 } })),
      ConflictError,
      "an old version of the same entry",
    );
    equal(await schedules.get(name), later, "what is read in the end");
    await schedules.remove(name);
    await throws(() => schedules.upsert(everyMinute(name, { version: 2 })), ConflictError, "the version of what was removed");
  }),

  law("[S2] of many that replace one version, one does", async ({ adapter: { schedules }, second, id }) => {
    const stores = [schedules, (await second()).schedules, (await second()).schedules];
    const name = id();
    for (let version = 0; version < 5; version++) {
      const writes = await Promise.allSettled(
        Array.from(
          { length: 9 },
          (_, writer) => present(stores[writer % 3], "a store").upsert(everyMinute(name, { version, meta: { version, writer } })),
        ),
      );
      const won = writes.flatMap((write) => write.status === "fulfilled" ? [write.value] : []);
      equal(won.length, 1, `how many replaced version ${version}`);
      for (const write of writes) {
        if (write.status === "rejected") ok(write.reason instanceof ConflictError, `Expected ConflictError, got ${write.reason}`);
      }
      equal(await schedules.get(name), won[0], "what is read");
    }
  }),

  law("[S2] changes that race without a version all count", async ({ adapter: { schedules }, second, id }) => {
    const stores = [schedules, (await second()).schedules, (await second()).schedules];
    const name = id();
    const entries = await Promise.all(
      Array.from({ length: 30 }, (_, writer) => present(stores[writer % 3], "a store").upsert(everyMinute(name, { meta: { writer } }))),
    );
    const versions = entries.map(({ version }) => version).toSorted((a, b) => a - b);
    equal(versions, Array.from({ length: 30 }, (_, index) => index + 1), "the versions that were told");
    const last = entries.find(({ version }) => version === 30);
    equal(await schedules.get(name), last, "what is read");
  }),

  timedLaw("[S2 S6] slots that pass are no change of the entry", async ({ adapter: { schedules }, clock, id }) => {
    const name = id();
    const first = await schedules.upsert(everyMinute(name));
    for (let run = 1; run <= 3; run++) {
      await clock.advance(60 * SECOND);
      for (const claim of await claimDue(schedules)) await schedules.complete(claim, dispatched(claim));
      const { version, updatedAt, runs } = await entryOf(schedules, name);
      equal([version, updatedAt, runs], [1, first.updatedAt, run], "version, change and runs");
    }
    equal((await schedules.upsert(everyMinute(name, { version: 1, meta: { a: 1 } }))).runs, 3, "the runs after a change");
  }),
]);

// As untyped callers give them: `undefined` is the same as left out.
const absent = Object.fromEntries(
  ["timeZone", "startAt", "endAt", "maxRuns", "jitterMs", "meta", "version"].map((key) => [key, undefined]),
);

interface Written {
  readonly version: number;
  readonly at: number;
  readonly updatedAt?: number;
}

/** What a store tells of an entry that never ran, but for its slot. */
function stored({ version: _, ...input }: ScheduleInput, { version, at, updatedAt = at }: Written): Omit<ScheduleEntry, "nextRunAt"> {
  const defaults = { timeZone: "UTC", jitterMs: 0, enabled: true, misfire: { kind: "fire-once" }, meta: {} } as const;
  return { ...defaults, ...input, version, createdAt: at, updatedAt, runs: 0 };
}

function withoutSlot({ nextRunAt: _, ...entry }: ScheduleEntry): Omit<ScheduleEntry, "nextRunAt"> {
  return entry;
}
