/** Rate limiters with one defect each. */

import type { Permit, RateDecision, RateLimiter } from "../../src/contracts/rate-limiter.ts";
import { durationMs } from "../../src/time/duration.ts";
import type { Defect, Scope } from "./wrap.ts";

/** Asks one after the other, by a way of asking for one. */
function oneByOne<Request, Answer>(
  ask: (request: Request) => Promise<Answer>,
): (requests: readonly Request[]) => Promise<readonly Answer[]> {
  return async (requests) => {
    const answers: Answer[] = [];
    for (const request of requests) answers.push(await ask(request));
    return answers;
  };
}

/** Adds something to what the sound limiter decides about rates. */
function decisions(change: (decision: RateDecision) => RateDecision): NonNullable<Defect["limiter"]> {
  return ({ sound: { limiter } }) => ({ acquireMany: async (requests) => (await limiter.acquireMany(requests)).map(change) });
}

/** Counts windows of time instead of tokens: the way that lets through twice as many around the change of a window. */
function fixedWindows({ clock }: Scope): Partial<RateLimiter> {
  const counts = new Map<string, number>();
  return {
    acquireMany: oneByOne(async ({ key, limit, per, burst = limit, tokens = 1 }) => {
      const window = durationMs(per, "per");
      const name = `${key} ${Math.floor(clock.now() / window)}`;
      const count = (counts.get(name) ?? 0) + tokens;
      if (count > burst) return { allowed: false, retryAfterMs: window - clock.now() % window };
      counts.set(name, count);
      return { allowed: true, retryAfterMs: 0 };
    }),
  };
}

/** The defects. */
export const limiterDefects: readonly Defect[] = [
  { name: "rates are counted on each connection", law: "Q1", isApart: true },
  { name: "rates are counted in windows", law: "Q1", limiter: fixedWindows },
  {
    name: "a bucket is looked at first, and taken from a moment later",
    law: "Q1",
    limiter: ({ sound: { limiter } }) => {
      let [looking, allowed] = [0, false];
      return {
        acquireMany: oneByOne(async (request) => {
          // Those who look while another does find what that one found.
          const isFirst = looking++ === 0;
          if (isFirst) ({ allowed } = await limiter.acquire(request.key, request));
          else await Promise.resolve();
          looking -= 1;
          return { allowed, retryAfterMs: allowed ? 0 : 1 };
        }),
      };
    },
  },
  {
    name: "a refusal takes what it can get",
    law: "Q2",
    limiter: ({ sound: { limiter } }) => ({
      acquireMany: oneByOne(async (request) => {
        const decision = await limiter.acquire(request.key, request);
        if (!decision.allowed && (request.tokens ?? 1) > 1) await limiter.acquire(request.key, { ...request, tokens: 1 });
        return decision;
      }),
    }),
  },
  { name: "a refusal says to come too early", law: "Q2", limiter: decisions(early) },
  { name: "a refusal says to come a second later than needed", law: "Q2", limiter: decisions(late) },
  {
    name: "buckets are told apart without regard to case",
    law: "Q3",
    limiter: ({ sound: { limiter } }) => ({
      acquireMany: (requests) => limiter.acquireMany(requests.map((request) => ({ ...request, key: request.key.toLowerCase() }))),
    }),
  },
  { name: "full buckets are never deleted", law: "Q3", limiter: () => ({ sweep: async () => 0 }) },
  {
    name: "more tokens than the bucket holds are refused for ever",
    law: "Q4",
    limiter: ({ sound: { limiter } }) => ({
      acquireMany: oneByOne(async (request) =>
        (request.tokens ?? 1) > (request.burst ?? request.limit)
          ? { allowed: false, retryAfterMs: 1_000 }
          : limiter.acquire(request.key, request)
      ),
    }),
  },
  {
    name: "requests of one call see the bucket as it was before",
    law: "Q5",
    limiter: ({ sound: { limiter } }) => ({
      acquireMany: async (requests) => {
        const firsts = new Map(requests.map((request) => [request.key, request]));
        const answers = new Map<string, RateDecision>();
        for (const [key, request] of firsts) answers.set(key, await limiter.acquire(key, request));
        return requests.map(({ key }) => answers.get(key) ?? { allowed: false, retryAfterMs: 1 });
      },
    }),
  },
  {
    name: "a bucket goes by the limit that it was made with",
    law: "Q6",
    limiter: ({ sound: { limiter } }) => {
      const made = new Map<string, Parameters<RateLimiter["acquire"]>[1]>();
      return {
        acquireMany: oneByOne((request) => {
          const { tokens, ...limit } = request;
          const first = made.get(request.key) ?? limit;
          made.set(request.key, first);
          return limiter.acquire(request.key, { ...first, ...(tokens === undefined ? {} : { tokens }) });
        }),
      };
    },
  },
  {
    name: "a clock that is set back blocks until it has caught up",
    law: "Q6",
    limiter: ({ sound: { limiter }, clock }) => {
      let latest = 0;
      return {
        acquireMany: async (requests) => {
          const now = clock.now();
          latest = Math.max(latest, now);
          if (now < latest) return requests.map(() => ({ allowed: false, retryAfterMs: latest - now }));
          return limiter.acquireMany(requests);
        },
      };
    },
  },
  { name: "permits are counted on each connection", law: "Q7", isApart: true },
  {
    name: "permits are counted first and given a moment later",
    law: "Q7",
    limiter: ({ sound: { limiter } }) => ({
      enter: async (requests) => {
        // A probe that goes again at once tells whether there is room; many who look together all find the same.
        const probes = await limiter.enter(requests.map((request) => ({ ...request, holder: "probe" })));
        await limiter.leave(probes.flatMap(({ permit }) => permit ?? []));
        const given = await limiter.enter(requests.map((request) => ({ ...request, limit: 1_000 })));
        const refused = given.filter((_, at) => probes[at]?.permit === undefined);
        await limiter.leave(refused.flatMap(({ permit }) => permit ?? []));
        return given.map((decision, at) => probes[at]?.permit === undefined ? { retryAfterMs: 1 } : decision);
      },
    }),
  },
  {
    name: "one place is always kept free",
    law: "Q7",
    limiter: ({ sound: { limiter } }) => ({
      enter: (requests) => limiter.enter(requests.map((request) => ({ ...request, limit: Math.max(1, request.limit - 1) }))),
    }),
  },
  {
    name: "permits never end",
    law: "Q8",
    limiter: ({ sound: { limiter } }) => ({ enter: (requests) => limiter.enter(requests.map((request) => ({ ...request, ttl: "30d" }))) }),
  },
  {
    name: "a renewal never shortens",
    law: "Q8",
    limiter: ({ sound: { limiter } }) => ({
      renewPermits: (permits, ttl) => limiter.renewPermits(permits, Math.max(60_000, durationMs(ttl, "ttl"))),
    }),
  },
  {
    name: "a lost permit is renewed by taking another",
    law: "Q8",
    limiter: ({ sound: { limiter } }) => ({
      renewPermits: oneByOneRenewal(async (permit, ttl) => {
        const [renewed] = await limiter.renewPermits([permit], ttl);
        if (renewed === true) return true;
        const [decision] = await limiter.enter([{ ...permit, limit: 1, ttl }]);
        return decision?.permit !== undefined;
      }),
    }),
  },
  {
    name: "a holder that asks again is refused",
    law: "Q9",
    limiter: ({ sound: { limiter } }) => {
      const held = new Map<string, Permit>();
      return {
        enter: oneByOne(async (request) => {
          const name = JSON.stringify([request.key, request.holder]);
          const before = held.get(name);
          if (before !== undefined && (await limiter.renewPermits([before], request.ttl))[0] === true) return { retryAfterMs: 1 };
          const [decision = { retryAfterMs: 1 }] = await limiter.enter([request]);
          if (decision.permit !== undefined) held.set(name, decision.permit);
          return decision;
        }),
      };
    },
  },
  {
    name: "asking again keeps the token",
    law: "Q9",
    limiter: ({ sound: { limiter } }) => {
      const held = new Map<string, Permit>();
      const name = ({ key, holder }: { readonly key: string; readonly holder: string }) => JSON.stringify([key, holder]);
      return {
        enter: oneByOne(async (request) => {
          const before = held.get(name(request));
          if (before !== undefined && (await limiter.renewPermits([before], request.ttl))[0] === true) {
            return { permit: before, retryAfterMs: 0 };
          }
          const [decision = { retryAfterMs: 1 }] = await limiter.enter([request]);
          if (decision.permit !== undefined) held.set(name(request), decision.permit);
          return decision;
        }),
      };
    },
  },
  {
    name: "the first answer of a call is that of all",
    law: "Q10",
    limiter: ({ sound: { limiter } }) => ({
      leave: async (permits) => {
        const answers = await limiter.leave(permits);
        return answers.map(() => answers[0] ?? false);
      },
    }),
  },
  {
    name: "a returned permit is returned again",
    law: "Q10",
    limiter: ({ sound: { limiter }, shared: { seen } }) => ({
      leave: async (permits) => {
        const answers = await limiter.leave(permits);
        return permits.map(({ token }, at) => {
          if (answers[at] === true) seen.add(`left ${token}`);
          return answers[at] === true || seen.has(`left ${token}`);
        });
      },
    }),
  },
  {
    name: "rate limits below one count as one",
    law: "Q11",
    limiter: ({ sound: { limiter } }) => ({
      acquireMany: (requests) => limiter.acquireMany(requests.map((request) => ({ ...request, tokens: Math.max(1, request.tokens ?? 1) }))),
    }),
  },
  { name: "a closed limiter goes on", law: "Q11", limiter: () => ({ close: async () => {}, [Symbol.asyncDispose]: async () => {} }) },
];

function early(decision: RateDecision): RateDecision {
  return decision.allowed ? decision : { allowed: false, retryAfterMs: Math.max(1, decision.retryAfterMs - 1) };
}

function late(decision: RateDecision): RateDecision {
  return decision.allowed ? decision : { allowed: false, retryAfterMs: decision.retryAfterMs + 1_000 };
}

function oneByOneRenewal(renew: (permit: Permit, ttl: Parameters<RateLimiter["renewPermits"]>[1]) => Promise<boolean>) {
  return (permits: readonly Permit[], ttl: Parameters<RateLimiter["renewPermits"]>[1]) =>
    oneByOne((permit: Permit) => renew(permit, ttl))(permits);
}
