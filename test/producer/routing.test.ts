import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { router } from "../../src/producer/routing.ts";

const timeout = 20_000;

test("the first pattern that matches decides", { timeout }, () => {
  const route = router({ "mail.*": "mail", "*.slow": "slow", "report.?": "odd", exact: "exact", "*": "rest" });
  assert.deepEqual(
    ["mail.send", "mail.", "mail.slow", "big.slow", "report.?", "report.x", "exact", "exactly", ""].map(route),
    ["mail", "mail", "mail", "slow", "odd", "rest", "exact", "rest", "rest"],
  );
});

test("without a match there is no queue", { timeout }, () => {
  assert.equal(router()("anything"), undefined);
  assert.equal(router({ "a.*": "a" })("b.a.c"), undefined);
  assert.equal(router({ "a*b*c": "abc" })("axxbc"), "abc");
});

test("only the star is special", { timeout }, () => {
  fc.assert(fc.property(fc.string({ maxLength: 20 }).filter((name) => !name.includes("*")), fc.string({ maxLength: 5 }), (name, other) => {
    assert.equal(router({ [name]: "q" })(name), "q");
    assert.equal(router({ [`${name}*`]: "q" })(name + other), "q");
    if (other !== "") assert.equal(router({ [name]: "q" })(name + other), undefined);
  }));
  assert.equal(router({ "a*z": "q" })("a\n\nz"), "q");
});

test("a queue that cannot be one is refused at once", { timeout }, () => {
  assert.throws(() => router({ "mail.*": "" }), { name: "ConfigError", message: /queue for route "mail\.\*"/ });
  assert.throws(() => router({ "mail.*": "a\u0000" }), { name: "ConfigError" });
});
