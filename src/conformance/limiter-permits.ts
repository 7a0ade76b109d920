import type { Permit, PermitDecision, PermitRequest, RateLimiter } from "../contracts/rate-limiter.ts";
import { nextTurn } from "../time/next-turn.ts";
import { equal, itemAt, ok, present } from "./assert.ts";
import { type ConformanceCase, law, timedLaw } from "./case.ts";
import { AWKWARD_IDS } from "./values.ts";

/** Makes a request: for a minute, of three, unless told otherwise. */
function request(holder: string, given: Partial<PermitRequest> = {}): PermitRequest {
  return { key: "key", limit: 3, ttl: "1m", ...given, holder };
}

function permitOf(decision: PermitDecision | undefined): Permit {
  return present(decision?.permit, "a permit");
}

/** Takes a permit, and fails when none is given. */
async function enter(limiter: RateLimiter, holder: string, given: Partial<PermitRequest> = {}): Promise<Permit> {
  return permitOf((await limiter.enter([request(holder, given)]))[0]);
}

/** Takes a permit; `undefined` when none is given. */
async function tryToEnter(limiter: RateLimiter, holder: string, given: Partial<PermitRequest> = {}): Promise<Permit | undefined> {
  return (await limiter.enter([request(holder, given)]))[0]?.permit;
}

/** Permits: at most so many at once. */
export const limiterPermitCases: readonly ConformanceCase[] = Object.freeze([
  law("[Q7] of many who race for permits, as many get one as the limit says", async ({ adapter, second, within }) => {
    const limiters = [adapter.limiter, (await second()).limiter, (await second()).limiter];
    for (let round = 0; round < 5; round++) {
      const key = `round ${round}`;
      const calls = Array.from({ length: 24 }, (_, at) => tryToEnter(itemAt(limiters, at % 3), `holder ${at}`, { key }));
      const permits = (await within(Promise.all(calls))).flatMap((permit) => permit ?? []);
      equal(permits.length, 3, "how many got one");
      equal(new Set(permits.map(({ token }) => token)).size, 3, "how many tokens there are");
    }
  }),

  law("[Q7] whoever comes and goes, there are never more inside, and never a place left free", async ({ adapter, second, within }) => {
    const limiters = [adapter.limiter, (await second()).limiter, (await second()).limiter];
    let [inside, most] = [0, 0];
    const comeAndGo = async (holder: number): Promise<number> => {
      const limiter = itemAt(limiters, holder % 3);
      let visits = 0;
      for (let round = 0; round < 2_000 && visits < 4; round++) {
        const permit = await tryToEnter(limiter, `holder ${holder}`, { limit: 2 });
        if (permit === undefined) {
          await nextTurn();
          continue;
        }
        most = Math.max(most, ++inside);
        visits += 1;
        await nextTurn();
        inside -= 1;
        equal(await limiter.leave([permit]), [true], "the return");
      }
      return visits;
    };
    const visits = await within(Promise.all(Array.from({ length: 9 }, (_, at) => comeAndGo(at))), 30_000);
    equal(most, 2, "how many were inside at most");
    equal(visits, visits.map(() => 4), "how often each was inside");
    const free = await Promise.all(["a", "b", "c"].map((holder) => tryToEnter(adapter.limiter, holder, { limit: 2 })));
    equal(free.filter((permit) => permit !== undefined).length, 2, "how many places are free in the end");
  }),

  law("[Q7] a lower limit lets those above it finish, a higher one lets more in", async ({ adapter: { limiter }, second }) => {
    const other = (await second()).limiter;
    const [a, b, c] = [await enter(limiter, "a"), await enter(limiter, "b"), await enter(limiter, "c")];
    equal(await tryToEnter(other, "d", { limit: 1 }), undefined, "a newcomer under a limit of one");
    equal(await limiter.renewPermits([a, b, c], "1m"), [true, true, true], "the renewal of those above it");
    equal(await limiter.leave([a, b]), [true, true], "the return of two");
    equal(await tryToEnter(other, "d", { limit: 1 }), undefined, "a newcomer while one is inside");
    await enter(other, "d", { limit: 2 });
    await enter(other, "e", { limit: 5 });
  }),

  law("[Q7 Q11] keys and namespaces are kept apart, whatever their names", async ({ adapter: { limiter }, other, second }) => {
    const [here, elsewhere] = [(await second()).limiter, (await other()).limiter];
    for (const key of AWKWARD_IDS) {
      await enter(limiter, "a", { key, limit: 1 });
      equal(await tryToEnter(here, "b", { key, limit: 1 }), undefined, `the second of ${key}`);
      await enter(elsewhere, "b", { key, limit: 1 });
    }
    for (const holder of AWKWARD_IDS) await enter(limiter, holder, { key: "of many", limit: AWKWARD_IDS.length });
    equal(await tryToEnter(here, "one more", { key: "of many", limit: AWKWARD_IDS.length }), undefined, "one holder more");
  }),

  timedLaw("[Q8] a permit that was not renewed is free again, and its former holder has lost it", async ({ adapter, clock, second }) => {
    const { limiter } = adapter;
    const other = (await second()).limiter;
    const lost = await enter(limiter, "a", { limit: 1, ttl: 1_000 });
    equal(await other.enter([request("b", { limit: 1 })]), [{ retryAfterMs: 1_000 }], "the answer to another");
    await clock.advance(999);
    equal(await other.enter([request("b", { limit: 1 })]), [{ retryAfterMs: 1 }], "the answer a millisecond early");
    await clock.advance(1);
    equal(await limiter.renewPermits([lost], "1m"), [false], "a renewal when its time has ended");
    equal(await limiter.leave([lost]), [false], "a return when its time has ended");
    const permit = await enter(other, "b", { limit: 1 });
    equal(await limiter.renewPermits([lost], "1m"), [false], "a renewal when another has it");
    equal(await limiter.leave([lost]), [false], "a return when another has it");
    equal(await other.renewPermits([permit], "1m"), [true], "the renewal of the other");
  }),

  timedLaw("[Q8] renewal sets the end to now and the time given, later or earlier", async ({ adapter: { limiter }, clock }) => {
    const permit = await enter(limiter, "a", { limit: 1, ttl: 1_000 });
    await clock.advance(900);
    equal(await limiter.renewPermits([permit], 1_000), [true], "the renewal");
    await clock.advance(999);
    equal(await limiter.enter([request("b", { limit: 1 })]), [{ retryAfterMs: 1 }], "the answer just before its end");
    equal(await limiter.renewPermits([permit], "1h"), [true], "a long renewal");
    equal(await limiter.renewPermits([permit], 500), [true], "a short one");
    await clock.advance(500);
    await enter(limiter, "b", { limit: 1 });
  }),

  timedLaw("[Q8] a refusal tells when the first permit ends", async ({ adapter: { limiter }, clock }) => {
    for (const [at, ttl] of [5_000, 2_000, 9_000].entries()) await enter(limiter, `holder ${at}`, { ttl });
    equal(await limiter.enter([request("d")]), [{ retryAfterMs: 2_000 }], "the answer to a fourth");
    await clock.advance(2_000);
    await enter(limiter, "d");
  }),

  timedLaw(
    "[Q9] asking again as the same holder renews its permit under a higher token",
    async ({ adapter: { limiter }, clock, second }) => {
      const other = (await second()).limiter;
      const first = await enter(limiter, "a", { limit: 1, ttl: 1_000 });
      await clock.advance(600);
      const next = await enter(other, "a", { limit: 1, ttl: 1_000 });
      ok(next.token > first.token, `Expected a token above ${first.token}, found ${next.token}`);
      equal(await limiter.renewPermits([first], "1h"), [false], "a renewal under the earlier token");
      equal(await limiter.leave([first]), [false], "a return under the earlier token");
      await clock.advance(600);
      equal(await tryToEnter(limiter, "b", { limit: 1 }), undefined, "another, after the first end");
      equal(await other.leave([next]), [true], "the return");
      const later = await enter(limiter, "a", { limit: 1, ttl: 1_000 });
      ok(later.token > next.token, `Expected a token above ${next.token} after the return, found ${later.token}`);
      await clock.advance(120_000);
      await limiter.sweep();
      const last = await enter(limiter, "a");
      ok(last.token > later.token, `Expected a token above ${later.token} after end and sweep, found ${last.token}`);
    },
  ),

  law("[Q7 Q9] a holder that asks many times at once has one permit, under the highest token", async ({ adapter, second, within }) => {
    const limiters = [adapter.limiter, (await second()).limiter];
    for (let round = 0; round < 5; round++) {
      const key = `round ${round}`;
      const calls = Array.from({ length: 10 }, (_, at) => enter(itemAt(limiters, at % 2), "a", { key, limit: 2 }));
      const permits = [...await within(Promise.all(calls))].sort((one, two) => one.token - two.token);
      equal(new Set(permits.map(({ token }) => token)).size, 10, "how many tokens there are");
      const renewed = await adapter.limiter.renewPermits(permits, "1m");
      equal(renewed, permits.map((_, at) => at === 9), "which of them can be renewed");
      await enter(adapter.limiter, "b", { key, limit: 2 });
      equal(await tryToEnter(adapter.limiter, "c", { key, limit: 2 }), undefined, "a third");
    }
  }),

  law("[Q10] many are asked, renewed and returned in the order given", async ({ adapter: { limiter }, second }) => {
    const asked = ["a", "b", "a", "c", "d", "b"].map((holder) => request(holder));
    const decisions = await limiter.enter([...asked, request("d", { key: "another" })]);
    equal(decisions.map(({ permit }) => permit?.holder), ["a", "b", "a", "c", undefined, "b", "d"], "who got one");
    const [firstA, firstB, a, c, , b, d] = decisions.map(({ permit }) => permit);
    const all = [firstA, firstB, a, c, b, d].flatMap((permit) => permit ?? []);
    equal(await (await second()).limiter.renewPermits([...all, ...all], "1m"), [
      ...[false, false, true, true, true, true],
      ...[false, false, true, true, true, true],
    ], "the renewals");
    const [last] = all.slice(-1);
    equal(await limiter.leave(last === undefined ? all : [...all, last]), [false, false, true, true, true, true, false], "the returns");
    equal(await limiter.leave(all), all.map(() => false), "the same again");
    equal([await limiter.enter([]), await limiter.renewPermits([], 1), await limiter.leave([])], [[], [], []], "empty calls");
  }),

  law("[Q10] a large call is answered as many small ones", async ({ adapter: { limiter } }) => {
    const asked = Array.from({ length: 400 }, (_, at) => request(`holder ${at}`, { key: `key ${at % 50}`, limit: 5 }));
    const decisions = await limiter.enter(asked);
    equal(decisions.map(({ permit }) => permit !== undefined), asked.map((_, at) => at < 250), "who got one");
    const permits = decisions.flatMap(({ permit }) => permit ?? []);
    equal(await limiter.leave(permits), permits.map(() => true), "the returns");
  }),

  timedLaw("[Q8] a sweep deletes what has expired, and no more than it is told", async ({ adapter: { limiter }, clock }) => {
    for (let at = 0; at < 5; at++) await enter(limiter, `holder ${at}`, { key: `key ${at}`, ttl: 1_000 });
    const kept = await enter(limiter, "kept", { ttl: 200_000 });
    equal(await limiter.sweep(), 0, "what a sweep finds before");
    await clock.advance(120_000);
    equal(await limiter.sweep({ limit: 2 }), 2, "what a sweep of two finds");
    equal(await limiter.sweep(), 3, "what the next one finds");
    equal(await limiter.renewPermits([kept], "1m"), [true], "the renewal of what has not expired");
  }),
]);
