import type { RateLimiter } from "../contracts/rate-limiter.ts";
import { ClosedError, ConfigError } from "../errors.ts";
import { equal, present, throws } from "./assert.ts";
import { type ConformanceCase, law } from "./case.ts";
import { BAD_IDS } from "./values.ts";

const noCounts = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY];
const noTimes = [0, -1, Number.NaN, Number.POSITIVE_INFINITY, "soon", 3_650 * 24 * 60 * 60 * 1_000 + 1];

/** What a rate limiter refuses, and what ends it. */
export const limiterInputCases: readonly ConformanceCase[] = Object.freeze([
  law("[Q11] bad arguments are refused, and nothing is taken", async ({ adapter: { limiter } }) => {
    const rate = { limit: 1, per: "1h" } as const;
    const request = { key: "k", holder: "h", limit: 1, ttl: "1m" } as const;
    const permit = { key: "k", holder: "h", token: 1 };
    const calls: Readonly<Record<string, () => Promise<unknown>>> = {
      ...Object.fromEntries(BAD_IDS.flatMap(([name, id]): [string, () => Promise<unknown>][] => [
        [`acquire of ${name}`, () => limiter.acquire(id, rate)],
        [`acquireMany of ${name}`, () => limiter.acquireMany([{ ...rate, key: "k" }, { ...rate, key: id }])],
        [`enter of ${name}`, () => limiter.enter([request, { ...request, key: id }])],
        [`enter by ${name}`, () => limiter.enter([request, { ...request, holder: id }])],
        [`renewPermits of ${name}`, () => limiter.renewPermits([{ ...permit, key: id }], "1m")],
        [`leave by ${name}`, () => limiter.leave([{ ...permit, holder: id }])],
      ])),
      ...Object.fromEntries(noCounts.flatMap((count): [string, () => Promise<unknown>][] => [
        [`acquire with limit ${count}`, () => limiter.acquire("k", { ...rate, limit: count })],
        [`acquire with burst ${count}`, () => limiter.acquire("k", { ...rate, burst: count })],
        [`acquire with tokens ${count}`, () => limiter.acquire("k", { ...rate, tokens: count })],
        [`enter with limit ${count}`, () => limiter.enter([{ ...request, limit: count }])],
        [`sweep with limit ${count}`, () => limiter.sweep({ limit: count })],
      ])),
      ...Object.fromEntries(noTimes.flatMap((time): [string, () => Promise<unknown>][] => [
        [`acquire per ${time}`, () => limiter.acquire("k", { ...rate, per: time })],
        [`enter for ${time}`, () => limiter.enter([{ ...request, ttl: time }])],
        [`renewPermits for ${time}`, () => limiter.renewPermits([permit], time)],
      ])),
      "a burst that takes over ten years to fill": () => limiter.acquire("k", { limit: 1, per: "1d", burst: 4_000 }),
      "leave under half a token": () => limiter.leave([{ ...permit, token: 0.5 }]),
      "renewPermits under no token": () => limiter.renewPermits([{ ...permit, token: Number.NaN }], "1m"),
    };
    for (const [name, call] of Object.entries(calls)) await throws(call, ConfigError, name);
    equal(await limiter.acquire("k", rate), { allowed: true, retryAfterMs: 0 }, "the bucket after all refusals");
    present((await limiter.enter([request]))[0]?.permit, "a permit after all refusals");
  }),

  law("[Q11] limits up to the largest are kept exactly", async ({ adapter: { limiter } }) => {
    const yes = { allowed: true, retryAfterMs: 0 };
    equal(await limiter.acquire("huge", { limit: 1_000_000, per: "1s", tokens: 1_000_000 }), yes, "a million a second");
    equal((await limiter.acquire("huge", { limit: 1_000_000, per: "1s", tokens: 1_000_000 })).allowed, false, "as many again");
    const yearly = { limit: 1, per: "3650d" } as const;
    equal(await limiter.acquire("rare", yearly), yes, "once in ten years");
    const { retryAfterMs } = await limiter.acquire("rare", yearly);
    const longest = 3_650 * 24 * 60 * 60 * 1_000;
    equal(retryAfterMs > longest - 60_000 && retryAfterMs <= longest, true, `whether ${retryAfterMs} ms is about ten years`);
  }),

  law("[A1 Q11] a closed limiter refuses every call, and closing it again does nothing", async ({ second, within }) => {
    const adapter = await second();
    const { limiter } = adapter;
    const request = { key: "k", holder: "h", limit: 1, ttl: "1m" } as const;
    await limiter.enter([request]);
    await within(Promise.all([limiter.close(), limiter.close(), limiter[Symbol.asyncDispose]()]));
    for (const [name, call] of Object.entries(callsOf(limiter))) await throws(call, ClosedError, name);
    await within(adapter.close());
  }),

  law("[A1 Q11] closing an adapter closes its limiter, and calls under way are answered first", async ({ adapter, second, within }) => {
    const closing = await second();
    const calls = Array.from({ length: 10 }, (_, at) => closing.limiter.acquire(`k${at}`, { limit: 1, per: "1h" }));
    await within(closing.close());
    equal((await within(Promise.all(calls))).map(({ allowed }) => allowed), calls.map(() => true), "the calls under way");
    await throws(() => closing.limiter.acquire("k", { limit: 1, per: "1h" }), ClosedError, "a call afterwards");
    equal((await adapter.limiter.acquire("k0", { limit: 1, per: "1h" })).allowed, false, "what another connection finds taken");
  }),

  law("[A2 A4 Q1 Q7] what was taken is taken for later connections too", async ({ adapter, connect, namespace, second }) => {
    const first = await connect(namespace);
    await first.limiter.acquire("k", { limit: 1, per: "1h" });
    const { permit } = present((await first.limiter.enter([{ key: "k", holder: "a", limit: 1, ttl: "1h" }]))[0], "a decision");
    await first.close();
    for (const { limiter } of [adapter, await second(), await connect(namespace)]) {
      equal((await limiter.acquire("k", { limit: 1, per: "1h" })).allowed, false, "a second token");
      equal((await limiter.enter([{ key: "k", holder: "b", limit: 1, ttl: "1h" }]))[0]?.permit, undefined, "a second permit");
    }
    equal(await adapter.limiter.leave([present(permit, "a permit")]), [true], "its return on another connection");
  }),
]);

function callsOf(limiter: RateLimiter): Readonly<Record<string, () => Promise<unknown>>> {
  return {
    acquire: () => limiter.acquire("k", { limit: 1, per: "1h" }),
    acquireMany: () => limiter.acquireMany([]),
    enter: () => limiter.enter([]),
    renewPermits: () => limiter.renewPermits([], "1m"),
    leave: () => limiter.leave([]),
    sweep: () => limiter.sweep(),
  };
}
