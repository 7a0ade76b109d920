/** Passwords are never written: not in errors, not in results, whatever they are made of. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hideKnown, redact } from "../../src/cli/redact.ts";
import { call } from "./call.ts";

const timeout = 30_000;

test("passwords go out of every URL in a text, and nothing else does", { timeout }, () => {
  const cases: readonly (readonly [text: string, redacted: string])[] = [
    ["postgres://u:secret@host:5432/db", "postgres://u:***@host:5432/db"],
    ["at 'redis://:secret@host/1': away", "at 'redis://:***@host/1': away"],
    ["postgres://u:p@ss/w?rd@host/db and postgres://a:b@c/d", "postgres://u:***@host/db and postgres://a:***@c/d"],
    ["postgres://host/db?user=u&password=secret&x=1", "postgres://host/db?user=u&password=***&x=1"],
    ["libsql://host?authToken=ey.abc#x", "libsql://host?authToken=***#x"],
    ["postgres://u@host/db", "postgres://u@host/db"],
    ["sqlite:./a:b@c.db, memory:, https://example.org/a?b=c", "sqlite:./a:b@c.db, memory:, https://example.org/a?b=c"],
    ["http://[::1]:80/x", "http://[::1]:80/x"],
    ["", ""],
  ];
  for (const [text, redacted] of cases) assert.equal(redact(text), redacted);
});

test("a known URL is hidden even where its password is not percent-encoded", { timeout }, () => {
  const url = "postgres://u:my 'pass\" word@host/db";
  assert.equal(redact(`Cannot parse ${url}!`, [url]), "Cannot parse postgres://u:***@host/db!");
  const known = "postgres://u:$&secret@host/db";
  assert.equal(hideKnown(`${known}/x http://a:b@c`, [known]), "postgres://u:***@host/db/x http://a:b@c");
});

test("no password is left, whatever it is", { timeout }, () => {
  const password = fc.string({ minLength: 4, unit: "grapheme" }).filter((text) => !"postgres://u:***@host/db".includes(text));
  fc.assert(fc.property(password, (text) => {
    const url = `postgres://u:${text}@host/db`;
    assert.equal(redact(`x ${url} y`, [url]), "x postgres://u:***@host/db y");
  }));
});

test("no command writes a password, in text or JSON, out or errors", { timeout: 60_000 }, async () => {
  const urls = [
    "postgres://stem:hunter2@127.0.0.1:1/db",
    "postgres://stem:hunter2 x@127.0.0.1:1/db",
    "postgres://stem:hunter2%zz@127.0.0.1:1/db",
    "postgres://stem:hunter2/@127.0.0.1:1/db",
    "postgres://127.0.0.1:1/db?user=stem&password=hunter2",
    "mysql://stem:hunter2@127.0.0.1:1/db",
    "//stem:hunter2@127.0.0.1:1/db",
    "redis://stem:hunter2@127.0.0.1:1",
  ];
  for (const url of urls) {
    for (const json of [[], ["--json"]]) {
      for (
        const outcome of [
          await call(["migrate", "status", "--url", url, ...json]),
          await call(["migrate", "check", `--url=${url}`, ...json]),
          await call(["migrate", "up", ...json], { environment: { STEM_URL: url } }),
          await call(["migrate", "up", url, ...json]),
        ]
      ) {
        assert.notEqual(outcome.code, 0);
        assert.ok(outcome.errors.length > 0);
        assert.doesNotMatch(outcome.out + outcome.errors, /hunter2/);
      }
    }
  }
});
