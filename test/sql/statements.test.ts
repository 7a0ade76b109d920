/** Arguments, batches and fragments mean the same on both dialects, and each statement is one trip. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { sql } from "drizzle-orm";
import fc from "fast-check";
import type { Trip } from "../../src/adapters/sql/database.ts";
import { encodeRows } from "../../src/adapters/sql/arguments.ts";
import { larger } from "../../src/adapters/sql/larger.ts";
import { StoreError } from "../../src/errors.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { dialects } from "./databases.ts";

const timeout = 60_000;
const LARGEST = Number.MAX_SAFE_INTEGER;

// A row of nothing: Drizzle selects from tables only.
const ONE_ROW = sql`(select 1 as one) as one_row`;

for (const { name, needs, withDatabase } of dialects) {
  test(`${name}: a batch comes out as it went in, row by row and in order`, { ...needs, timeout }, () =>
    withDatabase(async (database) => {
      const echo = database.statement(
        "echo",
        { batch: { word: "text", small: "int", large: "ms" } },
        ({ db, args: { batch } }) =>
          db.select({ word: batch.column.word, small: batch.column.small, large: batch.column.large, position: batch.position })
            .from(batch.from).orderBy(batch.position),
      );
      const row = fc.record({
        word: fc.option(fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary" }).filter(storable), fc.json())),
        small: fc.option(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
        large: fc.option(fc.maxSafeInteger()),
      }, { noNullPrototype: true });
      await fc.assert(
        fc.asyncProperty(fc.array(row, { maxLength: 20 }), async (batch) => {
          const rows = await echo.run({ batch });
          assert.deepEqual(
            // The columns are raw SQL, so large numbers come as each driver reads them.
            rows.map(({ word, small, large }) => ({ word, small, large: large === null ? null : Number(large) })),
            batch,
          );
          const positions = rows.map(({ position }) => position);
          assert.deepEqual(positions, positions.toSorted((a, b) => a - b));
        }),
        { numRuns: 100 },
      );
      const awkward = [
        { word: "quotes: ' \" ` \\ $1 ? :a @a %", small: 0, large: LARGEST },
        { word: "", small: null, large: -LARGEST },
        { word: "\u0001\u001f\u2028\u2029\ufeff\u{10ffff}\n\r\t" },
        {},
        { word: "x".repeat(1_000_000) },
        { word: "null" },
        // What stands between texts, and for null, on Postgres.
        { word: "\u001e" },
        { word: "a\u001e1\u001fb\u001e" },
        { word: "\u001f1" },
        { word: "[1]" },
        { word: "1e3" },
      ];
      const rows = await echo.run({ batch: awkward });
      assert.deepEqual(
        rows.map(({ word, small, large }) => [word, small, large === null ? null : Number(large)]),
        awkward.map(({ word, small, large }) => [word ?? null, small ?? null, large ?? null]),
      );
      for (const word of ["", "\u001f", "\u001e"]) {
        assert.deepEqual((await echo.run({ batch: [{ word }] })).map((only) => only.word), [word]);
      }
    }));

  test(
    `${name}: free text that Postgres cannot hold keeps its readable part`,
    { ...needs, timeout },
    () =>
      withDatabase(async (database) => {
        const echo = database.statement(
          "echo",
          { batch: { word: "text" } },
          ({ db, args: { batch } }) => db.select({ word: batch.column.word }).from(batch.from).orderBy(batch.position),
        );
        const rows = await echo.run({
          batch: [{ word: "a\u0000b" }, { word: "half \ud83d" }, { word: "other half \ude00" }, { word: "whole 😀" }, {
            word: '{"json":"\\u0000"}',
          }],
        });
        assert.deepEqual(rows.map(({ word }) => word), ["a\ufffdb", "half \ufffd", "other half \ufffd", "whole 😀", '{"json":"\\u0000"}']);
      }),
  );

  test(`${name}: single arguments have their types, in arithmetic too`, { ...needs, timeout }, () =>
    withDatabase(async (database) => {
      const reckon = database.statement("reckon", { a: "ms", b: "ms", word: "text" }, ({ db, args }) =>
        db.select({
          half: sql<number>`${args.a} / ${args.b}`.mapWith(Number),
          sum: sql<number>`${args.a} + ${args.b}`.mapWith(Number),
          larger: larger(args.a, args.b),
          word: sql<string>`${args.word}`,
          twice: sql<string>`${args.word} || ${args.word}`,
        }).from(ONE_ROW));
      assert.deepEqual(await reckon.run({ a: 7, b: 2, word: "é" }), [{ half: 3, sum: 9, larger: 7, word: "é", twice: "éé" }]);
      const [large] = await reckon.run({ a: LARGEST - 1, b: 1, word: "" });
      assert.equal(large?.sum, LARGEST);
      assert.deepEqual((await reckon.run({ a: 1, b: 1, word: undefined }))[0]?.word, null);
    }));

  test(`${name}: now is the injected clock's`, { ...needs, timeout }, () => {
    const clock = new ManualClock();
    return withDatabase(async (database) => {
      const now = database.statement("now", {}, ({ db, dialect }) => db.select({ now: dialect.now }).from(ONE_ROW));
      assert.deepEqual(await now.run({}), [{ now: clock.now() }]);
      await clock.advance(1_500);
      assert.deepEqual(await now.run({}), [{ now: clock.now() }]);
    }, { clock });
  });

  test(
    `${name}: without an injected clock, now moves on between the statements of a transaction`,
    { ...needs, timeout },
    () =>
      withDatabase(async (database) => {
        const now = database.statement("now", {}, ({ db, dialect }) => db.select({ now: dialect.now }).from(ONE_ROW));
        const readings = await database.transaction("now", async (tx) => {
          const first = (await now.run({}, { tx }))[0]?.now ?? 0;
          for (;;) {
            const later = (await now.run({}, { tx }))[0]?.now ?? 0;
            if (later > first) return { first, later };
          }
        });
        assert.ok(Number.isInteger(readings.first) && readings.later - readings.first < 1_000, JSON.stringify(readings));
        assert.ok(Math.abs(readings.first - Date.now()) < 60_000, "it is epoch milliseconds");
      }),
  );

  test(
    `${name}: a JSON object is found to hold another's members, by value and type`,
    { ...needs, timeout },
    () =>
      withDatabase(async (database) => {
        const contains = database.statement(
          "contains",
          { whole: "text", part: "text" },
          ({ db, args, dialect }) =>
            db.select({ yes: sql<boolean>`${dialect.jsonContains(args.whole, args.part)}`.mapWith(Boolean) }).from(ONE_ROW),
        );
        const holds = async (whole: string, part: object): Promise<boolean | undefined> =>
          (await contains.run({ whole, part: JSON.stringify(part) }))[0]?.yes;
        const whole = JSON.stringify({
          tenant: "acme",
          tries: 3,
          ok: true,
          no: false,
          rate: 0.25,
          nested: { tenant: "x" },
          "a.b": 1,
          "$c": "d",
          'q"': 2,
          none: null,
        });
        for (
          const part of [{}, { tenant: "acme" }, { tries: 3 }, { ok: true, no: false }, { rate: 0.25 }, { "a.b": 1 }, { "$c": "d" }, {
            'q"': 2,
          }, {
            tenant: "acme",
            tries: 3,
          }]
        ) assert.equal(await holds(whole, part), true, JSON.stringify(part));
        for (
          const part of [{ tenant: "ACME" }, { tries: "3" }, { tries: 4 }, { ok: "true" }, { ok: 1 }, { no: 0 }, { missing: 1 }, {
            none: "null",
          }, {
            tenant: "acme",
            tries: 4,
          }, { a: 1 }]
        ) assert.equal(await holds(whole, part), false, JSON.stringify(part));
        assert.equal(await holds('{"a":1,"a":2}', { a: 2 }), true);
        // Such an object cannot be searched by Postgres, but does not make the search of others fail.
        assert.equal(typeof await holds(JSON.stringify({ bad: "\u0000", a: 1 }), { a: 1 }), "boolean");
      }),
  );

  test(`${name}: each run of a statement is one trip, and a transaction is a begin and a commit more`, { ...needs, timeout }, () => {
    const trips: Trip[] = [];
    return withDatabase(async (database) => {
      const add = database.statement(
        "trips.add",
        { batch: { id: "text" } },
        ({ db, tables: { workers }, args: { batch }, dialect }) =>
          db.delete(workers).where(sql`${workers.id} in (select ${batch.column.id} from ${batch.from})`).returning({
            id: workers.id,
            signal: dialect.signal,
          }),
      );
      trips.length = 0;
      await add.run({ batch: Array.from({ length: 500 }, (_, index) => ({ id: `${index}` })) });
      assert.deepEqual(trips, [{ kind: "statement", name: "trips.add", inTransaction: false }]);
      trips.length = 0;
      await database.transaction("trips", async (tx) => {
        await Promise.all([add.run({ batch: [] }, { tx }), add.run({ batch: [] }, { tx })]);
      });
      assert.deepEqual(trips.map(({ kind }) => kind), ["begin", "statement", "statement", "commit"]);
      trips.length = 0;
      await assert.rejects(database.transaction("trips", () => Promise.reject(new RangeError("no"))), RangeError);
      assert.deepEqual(trips.map(({ kind }) => kind), ["begin", "rollback"]);
    }, { onTrip: (trip) => void trips.push(trip) });
  });

  test(
    `${name}: a driver's error names the operation and the reason, and holds no values`,
    { ...needs, timeout },
    () =>
      withDatabase(async (database) => {
        const fail = database.statement(
          "publish.badly",
          { secret: "text" },
          ({ db, args }) => db.select({ one: sql`nothing_of_the_kind(${args.secret})` }).from(ONE_ROW),
        );
        await assert.rejects(fail.run({ secret: "hunter2" }), (error: unknown) => {
          assert.ok(error instanceof StoreError);
          assert.equal(error.adapter, name);
          assert.equal(error.operation, "publish");
          assert.equal(error.retryable, false);
          assert.match(error.message, /^Cannot publish: .*nothing_of_the_kind/);
          assert.ok(!error.message.includes("hunter2"));
          assert.ok(error.cause instanceof Error && !error.cause.message.includes("hunter2"));
          return true;
        });
      }),
  );
}

test("a batch is written without what is absent", () => {
  assert.equal(encodeRows([{ a: undefined, b: null, c: "\u0000" }]), '[{"b":null,"c":"\ufffd"}]');
});

function storable(text: string): boolean {
  return !text.includes("\u0000") && !/\p{Surrogate}/u.test(text);
}
