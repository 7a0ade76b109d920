import type { RateDecision, RateLimit, RateLimiter } from "../contracts/rate-limiter.ts";
import { ConfigError } from "../errors.ts";
import { systemClock } from "../time/clock.ts";
import { equal, itemAt, ok, throws } from "./assert.ts";
import { type ConformanceCase, law, timedLaw } from "./case.ts";
import { AWKWARD_IDS } from "./values.ts";

const yes: RateDecision = { allowed: true, retryAfterMs: 0 };
const no = (retryAfterMs: number): RateDecision => ({ allowed: false, retryAfterMs });
const hourly = { limit: 10, per: "1h" } as const;

/** Asks one bucket that often, one after the other. */
async function ask(limiter: RateLimiter, key: string, limit: RateLimit, times: number): Promise<readonly RateDecision[]> {
  const decisions: RateDecision[] = [];
  for (let time = 0; time < times; time++) decisions.push(await limiter.acquire(key, limit));
  return decisions;
}

function allowedOf(decisions: readonly RateDecision[]): number {
  return decisions.filter(({ allowed }) => allowed).length;
}

/** Token buckets. */
export const limiterRateCases: readonly ConformanceCase[] = Object.freeze([
  law("[Q1] of many who race for a bucket, as many are allowed as it holds", async ({ adapter, second, within }) => {
    const limiters = [adapter.limiter, (await second()).limiter, (await second()).limiter];
    const calls = Array.from({ length: 45 }, (_, at) => {
      const limiter = itemAt(limiters, at % limiters.length);
      // Some ask for many at once: those of one call count one by one.
      return at % 5 === 0
        ? limiter.acquireMany(Array.from({ length: 4 }, () => ({ ...hourly, key: "raced" })))
        : limiter.acquire("raced", hourly).then((one) => [one]);
    });
    equal(allowedOf((await within(Promise.all(calls))).flat()), 10, "how many were allowed");
  }),

  law("[Q1] under lasting pressure from several connections no more comes out than went in", async ({ adapter, second, within }) => {
    const limiters = [adapter.limiter, (await second()).limiter, (await second()).limiter];
    const rate = { limit: 1_000, per: "1s", burst: 20 } as const;
    const startedAt = systemClock.monotonic();
    const press = async (limiter: RateLimiter): Promise<number> => {
      let allowed = 0;
      while (systemClock.monotonic() - startedAt < 400) allowed += allowedOf([await limiter.acquire("pressed", rate)]);
      return allowed;
    };
    const counts = await within(Promise.all(limiters.flatMap((limiter) => [press(limiter), press(limiter)])));
    const elapsedMs = systemClock.monotonic() - startedAt;
    const allowed = counts.reduce((sum, count) => sum + count, 0);
    ok(allowed <= 20 + elapsedMs + 1, `${allowed} were allowed in ${elapsedMs} ms`);
    ok(allowed >= 20, `Only ${allowed} were allowed in ${elapsedMs} ms, less than the bucket held`);
  }),

  timedLaw("[Q1 Q2] a bucket gains evenly, up to its burst", async ({ adapter: { limiter }, clock }) => {
    const rate = { limit: 5, per: "1s", burst: 3 } as const;
    equal(await ask(limiter, "k", rate, 4), [yes, yes, yes, no(200)], "the first four");
    await clock.advance(199);
    equal(await ask(limiter, "k", rate, 1), [no(1)], "a millisecond early");
    await clock.advance(1);
    equal(await ask(limiter, "k", rate, 2), [yes, no(200)], "in time");
    await clock.advance(450);
    equal(await ask(limiter, "k", rate, 3), [yes, yes, no(150)], "when two and a half were gained");
    await clock.advance(3_600_000);
    equal(await ask(limiter, "k", rate, 4), [yes, yes, yes, no(200)], "after an hour");
  }),

  timedLaw("[Q2] refusals take nothing, and whoever comes again when told is allowed", async ({ adapter: { limiter }, clock }) => {
    const rates: readonly RateLimit[] = [
      { limit: 3, per: "1s" },
      { limit: 7, per: "1s", burst: 2 },
      { limit: 1, per: "1d" },
      { limit: 10_000, per: "1s", burst: 5 },
      { limit: 13, per: "1m", burst: 9, tokens: 4 },
    ];
    for (const [at, rate] of rates.entries()) {
      const key = `rate ${at}`;
      for (let round = 0; round < 5; round++) {
        while ((await limiter.acquire(key, rate)).allowed);
        const [first, again] = await ask(limiter, key, rate, 2);
        equal(again, first, `the second refusal of ${key}`);
        const { retryAfterMs } = itemAt([await limiter.acquire(key, rate)], 0);
        ok(retryAfterMs >= 1, `Expected at least 1 ms, found ${retryAfterMs}`);
        await clock.advance(retryAfterMs - 1);
        if (retryAfterMs > 1) equal(await limiter.acquire(key, rate), no(1), `the answer of ${key} a millisecond early`);
        await clock.advance(1);
        equal(await limiter.acquire(key, rate), yes, `the answer of ${key} when it was told to come`);
      }
    }
  }),

  timedLaw("[Q2] many tokens are taken whole or not at all", async ({ adapter: { limiter }, clock }) => {
    const rate = { limit: 10, per: "10s" } as const;
    equal(await limiter.acquire("k", { ...rate, tokens: 7 }), yes, "seven of ten");
    equal(await limiter.acquire("k", { ...rate, tokens: 4 }), no(1_000), "four of the three that are left");
    equal(await limiter.acquire("k", { ...rate, tokens: 3 }), yes, "all three");
    await clock.advance(10_000);
    equal(await limiter.acquire("k", { ...rate, tokens: 10 }), yes, "all of a full bucket");
  }),

  timedLaw("[Q3] buckets are kept apart by key and by namespace", async ({ adapter: { limiter }, other, second }) => {
    const once = { limit: 1, per: "1h" } as const;
    const [here, elsewhere] = [(await second()).limiter, (await other()).limiter];
    for (const key of AWKWARD_IDS) {
      equal(await limiter.acquire(key, once), yes, `the first of ${key}`);
      equal((await here.acquire(key, once)).allowed, false, `the second of ${key}, on another connection`);
      equal(await elsewhere.acquire(key, once), yes, `the first of ${key} in another namespace`);
    }
  }),

  timedLaw("[Q3] a bucket that is full again leaves nothing behind", async ({ adapter: { limiter }, clock, second }) => {
    const rate = { limit: 2, per: "1s" } as const;
    for (let key = 0; key < 5; key++) await limiter.acquire(`bucket ${key}`, rate);
    equal(await limiter.sweep(), 0, "what a sweep finds before");
    await clock.advance(500);
    equal(await limiter.sweep({ limit: 3 }), 3, "what a sweep of three finds");
    equal(await (await second()).limiter.sweep(), 2, "what the next one finds");
    equal(await limiter.sweep(), 0, "what is left");
    equal(await ask(limiter, "bucket 0", rate, 3), [yes, yes, no(500)], "a swept bucket");
  }),

  law("[Q4] what could never be allowed is refused as a mistake, and takes nothing", async ({ adapter: { limiter } }) => {
    const rate = { limit: 5, per: "1h" } as const;
    await throws(() => limiter.acquire("k", { ...rate, tokens: 6 }), ConfigError, "six tokens of five");
    await throws(() => limiter.acquire("k", { ...rate, burst: 2, tokens: 3 }), ConfigError, "three tokens of a burst of two");
    await throws(() => limiter.acquire("k", { limit: 1_001, per: 1 }), ConfigError, "more than one in a microsecond");
    const mixed = [{ ...rate, key: "k" }, { ...rate, key: "other", tokens: 6 }];
    await throws(() => limiter.acquireMany(mixed), ConfigError, "a call with one of them in it");
    equal(await ask(limiter, "k", rate, 5), [yes, yes, yes, yes, yes], "the bucket afterwards");
    equal(await limiter.acquire("fine", { limit: 1_000, per: 1 }), yes, "one in a microsecond");
  }),

  timedLaw("[Q5] many in one call are answered as if they had come one after the other", async ({ adapter: { limiter }, clock }) => {
    const [a, b] = [{ key: "a", limit: 3, per: "3s" }, { key: "b", limit: 1, per: "5s" }] as const;
    equal(await limiter.acquireMany([a, b, a, b, a, a, a]), [yes, yes, yes, no(5_000), yes, no(1_000), no(1_000)], "one call");
    await clock.advance(2_000);
    equal(await limiter.acquireMany([b, a, a, a]), [no(3_000), yes, yes, no(1_000)], "the next");
    equal(await limiter.acquireMany([]), [], "an empty one");
    const keys = Array.from({ length: 300 }, (_, at) => ({ ...b, key: `key ${at % 150}` }));
    const decisions = await limiter.acquireMany(keys);
    equal(decisions.map(({ allowed }) => allowed), keys.map((_, at) => at < 150), "a large one");
  }),

  law(
    "[Q5] in one call a bucket is asked for one thing only; calls at the same time may differ",
    async ({ adapter: { limiter }, within }) => {
      const two = [{ ...hourly, key: "k" }, { ...hourly, key: "k", tokens: 2 }];
      await throws(() => limiter.acquireMany(two), ConfigError, "two numbers of tokens in one call");
      await throws(
        () => limiter.acquireMany([{ ...hourly, key: "k" }, { key: "k", limit: 5, per: "1h" }]),
        ConfigError,
        "two limits in one call",
      );
      const decisions = await within(Promise.all([1, 4, 2, 2, 1].map((tokens) => limiter.acquire("k", { ...hourly, tokens }))));
      equal(decisions, [yes, yes, yes, yes, yes], "five calls for ten tokens in all");
      equal((await limiter.acquire("k", hourly)).allowed, false, "one more");
    },
  ),

  timedLaw("[Q6] another limit counts from the next call on", async ({ adapter: { limiter }, clock }) => {
    const [slow, fast] = [{ limit: 10, per: "10h" }, { limit: 1, per: "1s" }] as const;
    await ask(limiter, "k", slow, 10);
    equal(await limiter.acquire("k", fast), no(1_000), "a faster rate, right after");
    await clock.advance(1_000);
    equal(await ask(limiter, "k", fast, 2), [yes, no(1_000)], "when that has filled its bucket");
    await clock.advance(1_000);
    equal(await ask(limiter, "k", slow, 11), [...Array.from({ length: 10 }, () => yes), no(3_600_000)], "the slower one again");
  }),

  timedLaw("[Q6] a clock that is set back gives nothing away, and blocks no longer than a full bucket takes", async (context) => {
    const { adapter: { limiter }, clock } = context;
    const rate = { limit: 4, per: "4s" } as const;
    equal(allowedOf(await ask(limiter, "k", rate, 5)), 4, "how many of five");
    await clock.advance(1_000);
    clock.set(clock.now() - 3_600_000);
    const { allowed, retryAfterMs } = await limiter.acquire("k", rate);
    equal(allowed, false, "the answer right after");
    ok(retryAfterMs <= 4_000, `Expected at most 4,000 ms, found ${retryAfterMs}`);
    await clock.advance(retryAfterMs);
    equal(await limiter.acquire("k", rate), yes, "the answer when it was told to come");
    await clock.advance(4_000);
    equal(allowedOf(await ask(limiter, "k", rate, 5)), 4, "how many of five when it is full");
  }),

  timedLaw("[Q6] a clock that is set forward fills a bucket once", async ({ adapter: { limiter }, clock }) => {
    const rate = { limit: 4, per: "4s" } as const;
    await ask(limiter, "k", rate, 4);
    clock.set(clock.now() + 3_600_000);
    equal(allowedOf(await ask(limiter, "k", rate, 6)), 4, "how many of six");
  }),
]);
