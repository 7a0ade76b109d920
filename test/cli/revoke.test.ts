/** `stem worker revoke`, `unrevoke` and `revocations`; and that a revoked task stops in a worker of another process. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { StemApp, TaskRevokedError } from "../../src/mod.ts";
import { assertHolds, call, callJson, errorOf, start } from "./call.ts";
import { onFile, places } from "./places.ts";
import { startProgram } from "./program.ts";

const timeout = 120_000;
const START = ["worker", "start", "--tasks", "test/cli/modules/tasks.ts"];

for (const { name, needs, use } of places) {
  test(
    `${name}: a running task of another process is stopped by a process that knows the revoke store alone`,
    { ...needs, timeout },
    () =>
      use(async ({ url, options, environment }) => {
        await using worker = startProgram([...START, "--name", "w1"], { environment });
        await worker.hear(/started worker=w1/);
        await using app = await StemApp.fromUrl(url, { ...options, autoStart: false });
        const handle = await app.enqueue("wait", { args: {} });
        await worker.hear(/task-started task=wait/);
        const { STEM_URL, ...others } = environment;
        await using revoke = startProgram(["worker", "revoke", handle.id, "--terminate", "--reason", "wrong customer"], {
          environment: { ...others, STEM_REVOKE_STORE_URL: STEM_URL, USER: "ops" },
        });
        assert.equal(await revoke.ended, 0, revoke.written());
        assert.match(revoke.written(), new RegExp(`${handle.id} +- +yes`));
        assert.match(revoke.written(), /Workers learn of it from the store/);
        await assert.rejects(handle.result({ timeout: "20s" }), (error: unknown) => {
          assert.ok(error instanceof TaskRevokedError, String(error));
          assert.equal(error.reason, "wrong customer");
          return true;
        });
        assert.equal((await handle.status())?.state, "cancelled");
        await worker.hear(new RegExp(`task-cancelled task=wait id=${handle.id}`));
        worker.signal("SIGTERM");
        assert.equal(await worker.ended, 0);
      }),
  );

  test(
    `${name}: it tells where tasks stood and which workers heard of it, and can be listed and taken back`,
    { ...needs, timeout },
    () =>
      use(async ({ url, options, environment }) => {
        const worker = start([...START, "--name", "w1"], { environment });
        await worker.heard(/started worker=w1/);
        await using app = await StemApp.fromUrl(url, { ...options, autoStart: false });
        const running = await app.enqueue("wait", { args: {} });
        const waiting = await app.enqueue("wait", { args: {}, queue: "elsewhere" });
        await worker.heard(/task-started task=wait/);
        const both = [running.id, waiting.id, "unheard-of"];
        const { code, value } = await callJson(["worker", "revoke", ...both, "--reason", "why", "--requested-by", "ops"], { environment });
        assert.equal(code, 0);
        const target = (id: string) => ({ kind: "task", id });
        assertHolds(value, {
          revocations: [
            { target: target(running.id), terminate: false, reason: "why", requestedBy: "ops", found: "running" },
            { target: target(waiting.id), found: "cancelled" },
            { target: target("unheard-of"), found: "unknown" },
          ],
          workers: { answers: [{ workerId: "w1" }], silent: [] },
        });
        assert.equal((await waiting.status())?.state, "cancelled");
        assert.equal((await running.status())?.state, "running", "it may go on, because it is not terminated");
        const text = await call(["worker", "revoke", running.id, "--terminate"], { environment });
        assert.match(text.out, /\nHeard by w1/);
        await assert.rejects(running.result({ timeout: "20s" }), TaskRevokedError);
        worker.stop();
        assert.equal((await worker.ended).code, 0);

        const silent = await callJson(["worker", "revoke", "--task", "mail", "--before", "2026-03-01T00:00:00Z"], { environment });
        assertHolds(silent.value, {
          revocations: [{ target: { kind: "name", name: "mail", before: Date.parse("2026-03-01") } }],
          workers: { answers: [] },
        });
        const unasked = await callJson(["worker", "revoke", "--header", "tenant=a=b", "--expires-in", "1d", "--wait", "0ms"], {
          environment,
        });
        assertHolds(unasked.value, { revocations: [{ target: { kind: "header", header: "tenant", value: "a=b" } }], workers: null });

        const listed = await callJson(["worker", "revocations"], { environment });
        const { revocations } = listed.value as { readonly revocations: readonly unknown[] };
        assert.equal(revocations.length, 5);
        assertHolds(revocations.slice(0, 3), [
          { target: { kind: "header", header: "tenant" } },
          { target: { kind: "name", name: "mail" } },
          { target: target(running.id), terminate: true },
        ]);
        assert.match(
          (await call(["worker", "revocations"], { environment })).out,
          /^REVOKED .*\nheader tenant=a=b .*\ntask mail before 2026-03-01T00:00:00Z/,
        );
        const back = await callJson(["worker", "unrevoke", "unheard-of", "never", "--task", "mail", "--header", "tenant=a=b"], {
          environment,
        });
        assert.deepEqual(back, {
          code: 4,
          value: {
            removed: [target("unheard-of"), { kind: "name", name: "mail" }, { kind: "header", header: "tenant", value: "a=b" }],
            unknown: [target("never")],
          },
        });
        assert.equal((await call(["worker", "unrevoke", running.id, waiting.id], { environment })).code, 0);
        assert.equal((await call(["worker", "revocations"], { environment })).out, "Nothing is revoked\n");
      }),
  );
}

test("the store is that of STEM_REVOKE_STORE_URL, else the backend's", { timeout }, () =>
  onFile(async ({ url }) => {
    const at = (name: string) => url.replace("stem.db", `${name}.db`);
    const environment = { STEM_URL: at("main"), STEM_RESULT_BACKEND_URL: at("results") };
    await call(["worker", "revoke", "a"], { environment });
    await call(["worker", "revoke", "b"], { environment: { ...environment, STEM_REVOKE_STORE_URL: at("revocations") } });
    const found = async (name: string) => (await callJson(["worker", "revocations", "--url", at(name)])).value;
    assert.deepEqual(await found("main"), { revocations: [] });
    assertHolds(await found("results"), { revocations: [{ target: { id: "a" } }] });
    assertHolds(await found("revocations"), { revocations: [{ target: { id: "b" } }] });
  }));

test("flags that repeat take one value each, and leave the ids alone", { timeout }, () =>
  onFile(async ({ environment }) => {
    const { value } = await callJson(["worker", "revoke", "--task", "mail", "a", "--task", "sms", "--header", "x=1", "b", "--header=y=2"], {
      environment,
    });
    assertHolds(value, {
      revocations: [
        { target: { kind: "task", id: "a" } },
        { target: { kind: "task", id: "b" } },
        { target: { kind: "name", name: "mail" } },
        { target: { kind: "name", name: "sms" } },
        { target: { kind: "header", header: "x", value: "1" } },
        { target: { kind: "header", header: "y", value: "2" } },
      ],
    });
  }));

test("what cannot be revoked is named, and nothing is written", { timeout }, () =>
  onFile(async ({ environment }) => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [[], /Cannot revoke nothing/],
      [["a", "--header", "tenant"], /Cannot use "tenant" as --header: expected name=value/],
      [["a", "--header", "=x"], /expected name=value/],
      [["a", "--before", "2026-03-01T00:00:00Z"], /belongs to --task/],
      [["--task", "t", "--before", "yesterday"], /Cannot use "yesterday" as --before/],
      [["a", "--expires-in", "soon"], /Cannot use "soon" as expiresIn/],
      [["a", "--expires-in", "0s"], /expiresIn/],
      [["a", "--wait", "long"], /Cannot use "long" as --wait/],
      [["a", ""], /empty string/],
    ];
    for (const [argv, message] of cases) {
      const { code, value } = await callJson(["worker", "revoke", ...argv], { environment });
      assert.match(errorOf(value).message, message);
      assert.equal(code, 2, argv.join(" "));
    }
    assert.deepEqual((await callJson(["worker", "revocations"], { environment })).value, { revocations: [] });
    assert.equal((await call(["worker", "revoke", "a"])).code, 2);
  }));
