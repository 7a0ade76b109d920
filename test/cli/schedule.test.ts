/** `stem schedule`: list, show, apply, remove, enable, disable, preview; on both dialects. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { StemStack } from "../../src/mod.ts";
import { assertHolds, call, callJson, errorOf } from "./call.ts";
import { onFile, places } from "./places.ts";

const timeout = 60_000;

const FILE = `schedules:
  - { id: tick, every: 5m, task: tick }
  - { id: report, cron: "0 9 * * *", timeZone: Europe/Berlin, task: report.send, args: { to: ops } }
  - { id: once, at: 2090-01-01T00:00:00Z, task: fireworks, enabled: false }
`;

const names = (...pairs: readonly (readonly [id: string, action: string])[]) => pairs.map(([id, action]) => ({ id, action }));

for (const { name, needs, use } of places) {
  test(
    `${name}: applying a file creates, changes and prunes, and is nothing the second time`,
    { ...needs, timeout },
    () =>
      use(async ({ environment, folder }) => {
        const options = { environment, cwd: folder };
        writeFileSync(join(folder, "s.yaml"), FILE);
        const dry = await callJson(["schedule", "apply", "s.yaml", "--dry-run"], options);
        assert.equal(dry.code, 0);
        assert.deepEqual(dry.value, { dryRun: true, schedules: names(["tick", "created"], ["report", "created"], ["once", "created"]) });
        assert.deepEqual((await callJson(["schedule", "list"], options)).value, { schedules: [] });

        const first = await callJson(["schedule", "apply", "s.yaml"], options);
        assertHolds(first.value, { dryRun: false, schedules: names(["tick", "created"], ["report", "created"], ["once", "created"]) });
        const again = await callJson(["schedule", "apply", "s.yaml"], options);
        assertHolds(again.value, { schedules: names(["tick", "unchanged"], ["report", "unchanged"], ["once", "unchanged"]) });

        const other = FILE.replace("5m", "6m").replace(/.*report.*\n/, "");
        const kept = await callJson(["schedule", "apply", "-"], { ...options, input: other });
        assertHolds(kept.value, { schedules: names(["tick", "changed"], ["once", "unchanged"]) });
        const pruned = await callJson(["schedule", "apply", "-", "--prune", "--dry-run"], { ...options, input: other });
        assertHolds(pruned.value, { schedules: names(["tick", "unchanged"], ["once", "unchanged"], ["report", "removed"]) });
        assertHolds((await callJson(["schedule", "show", "report"], options)).value, {
          schedule: { id: "report", version: 1 },
          history: [],
        });
        await call(["schedule", "apply", "-", "--prune"], { ...options, input: other });
        const list = await callJson(["schedule", "list"], options);
        assertHolds(list.value, {
          schedules: [{ id: "once", enabled: false, version: 1 }, { id: "tick", version: 2, spec: { kind: "interval", everyMs: 360_000 } }],
        });
        // What list writes can be applied.
        const copy = await callJson(["schedule", "apply", "-"], { ...options, input: JSON.stringify(list.value) });
        assertHolds(copy.value, { schedules: names(["once", "unchanged"], ["tick", "unchanged"]) });
        assert.match(
          (await call(["schedule", "list"], options)).out,
          /^SCHEDULE .*\nonce +fireworks +disabled .*\ntick +tick +enabled .* every 6m\n$/,
        );
      }),
  );

  test(
    `${name}: a schedule is enabled, disabled, shown with its past, and removed`,
    { ...needs, timeout },
    () =>
      use(async ({ url, options, environment }) => {
        await call(["schedule", "apply", "-"], { environment, input: '- { id: "a b", at: 2020-01-01T00:00:00Z, task: t, misfire: skip }' });
        const stack = await StemStack.fromUrl(url, options);
        const [claim] = await stack.schedules.claimDue({ limit: 1, owner: "test", leaseMs: 10_000 });
        assert.ok(claim !== undefined);
        await stack.schedules.complete(claim, { kind: "skipped", message: "too late" });
        await stack.close();

        const show = await call(["schedule", "show", "a b"], { environment });
        assert.match(show.out, /^id +a b\nstate +ended\n/);
        assert.match(show.out, /\n2020-01-01T00:00:00Z +skipped +.* +too late\n$/);
        assertHolds((await callJson(["schedule", "show", "a b", "--history", "0"], { environment })).value, { history: [] });

        const off = await callJson(["schedule", "disable", "a b"], { environment });
        assertHolds(off, { code: 0, value: { schedules: [{ id: "a b", enabled: false, version: 2 }] } });
        assert.equal((await call(["schedule", "disable", "a b"], { environment })).out, "a b: disabled\n");
        const same = await callJson(["schedule", "disable", "a b"], { environment });
        assertHolds(same.value, { schedules: [{ version: 2 }] });
        assertHolds((await callJson(["schedule", "enable", "a b"], { environment })).value, { schedules: [{ enabled: true, version: 3 }] });

        assert.deepEqual(await callJson(["schedule", "remove", "a b"], { environment }), { code: 0, value: { removed: ["a b"] } });
        assert.deepEqual((await callJson(["schedule", "list"], { environment })).value, { schedules: [] });
      }),
  );
}

test("an unknown id ends with 4, and what is known is done", { timeout }, () =>
  onFile(async ({ environment }) => {
    await call(["schedule", "apply", "-"], { environment, input: FILE });
    for (const command of ["show", "preview"]) {
      const { code, value } = await callJson(["schedule", command, "nope"], { environment });
      assert.equal(code, 4);
      assert.deepEqual(errorOf(value), { code: "NOT_FOUND", message: 'There is no schedule "nope"', retryable: false });
    }
    for (const command of ["disable", "enable", "remove"]) {
      const { code, out, errors } = await call(["schedule", command, "nope", "tick"], { environment });
      assert.equal(code, 4, command);
      assert.match(errors, /no schedule "nope"/);
      assert.match(out, /tick/);
    }
  }));

test("a file with a mistake, or that is not there, changes nothing", { timeout }, () =>
  onFile(async ({ environment }) => {
    const input = `${FILE}  - { id: bad, every: 1x, task: t }\n`;
    for (const extra of [[], ["--prune"], ["--dry-run"]]) {
      const { code, value } = await callJson(["schedule", "apply", "-", ...extra], { environment, input });
      assert.equal(code, 2);
      assert.match(errorOf(value).message, /^-:5: Cannot use "1x"/);
    }
    assert.equal((await call(["schedule", "apply", "none.yaml"], { environment })).code, 2);
    assert.equal((await call(["schedule", "apply", "."], { environment })).code, 2);
    assert.deepEqual((await callJson(["schedule", "list"], { environment })).value, { schedules: [] });
  }));

test("with --tasks a schedule for a task that nobody has is a mistake", { timeout }, () =>
  onFile(async ({ environment }) => {
    const input = "- { id: sum, every: 1h, task: math.add }\n- { id: lost, every: 1h, task: math.sub }";
    const tasks = ["--tasks", "test/cli/modules/tasks.ts"];
    const { code, value } = await callJson(["schedule", "apply", "-", ...tasks], { environment, input });
    assert.equal(code, 2);
    assert.equal(errorOf(value).message, '-: Cannot use task "math.sub" in schedule "lost": no given module exports it');
    assert.deepEqual((await callJson(["schedule", "list"], { environment })).value, { schedules: [] });
    assert.equal((await call(["schedule", "apply", ...tasks, "-"], { environment, input: input.replace("sub", "add") })).code, 0);
  }));

test("a preview tells the slots of a file without any store, and of a stored schedule", { timeout }, async () => {
  const input =
    "- { id: nine, cron: '0 9 * * *', timeZone: Europe/Berlin, task: t, maxRuns: 3 }\n- { id: gone, at: 2020-01-01T00:00Z, task: t, endAt: 2021-01-01T00:00Z }";
  const from = ["--from", "2026-10-23T12:00:00Z"];
  const { code, value } = await callJson(["schedule", "preview", "-", ...from, "--count", "5"], { input });
  assert.equal(code, 0);
  const slots = ["2026-10-24T07:00:00Z", "2026-10-25T08:00:00Z", "2026-10-26T08:00:00Z"].map((text) => Date.parse(text));
  assertHolds(value, { schedules: [{ id: "nine", timeZone: "Europe/Berlin", slots }, { id: "gone" }] });
  const text = await call(["schedule", "preview", "-", ...from], { input });
  assert.match(
    text.out,
    /2026-10-24T07:00:00Z +Sat 2026-10-24 09:00:00 GMT\+02:00\n2026-10-25T08:00:00Z +Sun 2026-10-25 09:00:00 GMT\+01:00/,
  );
  assert.equal((await call(["schedule", "preview", "none.yaml"])).code, 2);
  assert.equal((await call(["schedule", "preview", "-", "--count", "x"], { input })).code, 2);
  assert.equal((await call(["schedule", "preview", "-", "--from", "x"], { input })).code, 2);
  await onFile(async ({ environment }) => {
    await call(["schedule", "apply", "-"], { environment, input });
    assertHolds((await callJson(["schedule", "preview", "nine", ...from], { environment })).value, { schedules: [{ id: "nine", slots }] });
  });
});

test("an entry that was changed meanwhile is not overwritten", { timeout }, () =>
  onFile(async ({ url, environment }) => {
    await call(["schedule", "apply", "-"], { environment, input: FILE });
    const stack = await StemStack.fromUrl(url);
    const entry = await stack.schedules.get("tick");
    assert.ok(entry !== undefined);
    // Between reading and writing: the store changes the entry as soon as it was listed.
    const { applySchedules } = await import("../../src/cli/schedule-apply.ts");
    const store = new Proxy(stack.schedules, {
      get: (target, key) => {
        const member: unknown = Reflect.get(target, key, target);
        if (typeof member !== "function") return member;
        return async (...args: unknown[]) => {
          const answer: unknown = await Reflect.apply(member, target, args);
          if (key === "list") await target.upsert({ id: "tick", spec: { kind: "interval", everyMs: 1_000 }, task: { name: "other" } });
          return answer;
        };
      },
    });
    const change = { id: "tick", spec: { kind: "interval", everyMs: 7_000 }, task: { name: "tick" } } as const;
    await assert.rejects(applySchedules(store, [change], { prune: false, dryRun: false }), { name: "ConflictError" });
    assert.equal((await stack.schedules.get("tick"))?.task.name, "other");
    await stack.close();
  }));
