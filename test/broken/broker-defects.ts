/** Brokers with one defect each: publishing, claiming, settling. */

import type { Delivery, SettleRequest } from "../../src/model/delivery.ts";
import type { Envelope } from "../../src/model/envelope.ts";
import type { Defect, Scope } from "./wrap.ts";

/** Publishes with a changed envelope, and hands out the original: what is lost is not seen in the envelope, only in what is done with it. */
function publishingAs(change: (envelope: Envelope) => Envelope): NonNullable<Defect["broker"]> {
  return ({ sound: { broker }, shared: { envelopes } }) => ({
    publish: (published, options) => {
      for (const one of published) envelopes.set(one.id, one);
      return broker.publish(published.map(change), options);
    },
    claim: async (options) =>
      (await broker.claim(options)).map((delivery) => ({
        ...delivery,
        envelope: { ...envelopes.get(delivery.envelope.id) ?? delivery.envelope, attempt: delivery.envelope.attempt },
      })),
  });
}

/** Changes what a claim hands out. */
function handingOut(change: (delivery: Delivery, scope: Scope) => Delivery): NonNullable<Defect["broker"]> {
  return (scope) => ({ claim: async (options) => (await scope.sound.broker.claim(options)).map((delivery) => change(delivery, scope)) });
}

/** Settles one request after the other in another way. */
function settlingAs(settle: (request: SettleRequest, scope: Scope) => Promise<boolean>): NonNullable<Defect["broker"]> {
  return (scope) => ({
    settle: async (requests) => {
      const answers = [];
      for (const request of requests) answers.push(await settle(request, scope));
      return answers;
    },
  });
}

/** Changes every value inside a JSON value, from the inside out. */
export function throughJson(value: unknown, change: (value: unknown) => unknown): unknown {
  if (Array.isArray(value)) return change(value.map((item) => throughJson(item, change)));
  if (typeof value !== "object" || value === null) return change(value);
  return change(Object.fromEntries(Object.entries(value).map(([key, item]) => [key, throughJson(item, change)])));
}

/** What Lua makes of JSON: an empty list is an empty table, and numbers have 14 digits. */
export const emptyListAsObject = (value: unknown) => Array.isArray(value) && value.length === 0 ? {} : value;
/** See {@link emptyListAsObject}. */
export const fourteenDigits = (value: unknown) => typeof value === "number" ? Number(value.toPrecision(14)) : value;

const withArgs = (change: (value: unknown) => unknown) => (envelope: Envelope): Envelope =>
  "args" in envelope ? { ...envelope, args: throughJson(envelope.args, change) } : envelope;

/** The defects. */
export const brokerDefects: readonly Defect[] = [
  {
    name: "publishing an id again replaces what waits",
    law: "B1",
    broker: ({ sound: { broker } }) => ({
      publish: async (published, options) => {
        const answers = await broker.publish(published, options);
        const known = published.filter((_, index) => answers[index] === false);
        for (const delivery of known.length === 0 ? [] : await broker.claim({ queues: ["default"], limit: 1_000, consumer: "x" })) {
          await (known.some(({ id }) => id === delivery.envelope.id) ? broker.ack(delivery) : broker.nack(delivery));
        }
        if (known.length > 0) await broker.publish(known);
        return answers;
      },
    }),
  },
  {
    name: "a dead letter does not make its id known",
    law: "B1",
    broker: ({ sound: { broker } }) => ({
      publish: async (published, options) => {
        for (const { id } of published) if (id !== "") await broker.deadLetters.purge({ ids: [id] });
        return broker.publish(published, options);
      },
    }),
  },
  {
    name: "ids are cut at the colon",
    law: "B1",
    broker: ({ sound: { broker } }) => ({
      publish: (published, options) => broker.publish(published.map((one) => ({ ...one, id: one.id.split(":")[0] ?? "" })), options),
    }),
  },
  {
    name: "a batch is published one by one",
    law: "B2",
    broker: ({ sound: { broker } }) => ({
      publish: async (published, options) => {
        const answers = [];
        for (const one of published) answers.push(...await broker.publish([one], options));
        return answers;
      },
    }),
  },
  {
    name: "an empty list becomes an empty object",
    law: "B3",
    broker: handingOut((delivery) => ({ ...delivery, envelope: withArgs(emptyListAsObject)(delivery.envelope) })),
  },
  {
    name: "large integers lose digits",
    law: "B3",
    broker: handingOut((delivery) => ({ ...delivery, envelope: withArgs(fourteenDigits)(delivery.envelope) })),
  },
  {
    name: "arguments of null are lost",
    law: "B3",
    broker: handingOut((delivery) => {
      const { args, ...rest } = delivery.envelope;
      return { ...delivery, envelope: args === null ? rest : delivery.envelope };
    }),
  },
  { name: "priorities are ignored", law: "B4", broker: publishingAs((envelope) => ({ ...envelope, priority: 0 })) },
  {
    name: "the latest published is claimed first",
    law: "B4",
    broker: ({ sound: { broker } }) => ({ claim: async (options) => (await broker.claim(options)).toReversed() }),
  },
  {
    name: "retry drops the envelope, then publishes it again",
    law: "B4",
    broker: settlingAs(async ({ delivery, settlement }, { sound: { broker } }) => {
      if (settlement.kind !== "retry") return (await broker.settle([{ delivery, settlement }]))[0] ?? false;
      if (!await broker.ack(delivery)) return false;
      const { notBefore: _, ...envelope } = delivery.envelope;
      await broker.publish([{ ...envelope, attempt: envelope.attempt + 1, delayMs: settlement.delayMs ?? 0 }]);
      return true;
    }),
  },
  {
    name: "delays are ignored",
    law: "B5",
    broker: publishingAs(({ notBefore: _notBefore, delayMs: _delayMs, ...envelope }) => envelope),
  },
  {
    name: "notBefore wins over delayMs",
    law: "B5",
    broker: publishingAs(({ delayMs, ...envelope }) =>
      envelope.notBefore !== undefined || delayMs === undefined ? envelope : { ...envelope, delayMs }
    ),
  },
  {
    name: "a claim looks first and takes later",
    law: "B6",
    broker: ({ sound: { broker } }) => ({
      claim: async (options) => {
        const deliveries = await broker.claim(options);
        for (const delivery of deliveries) await broker.nack(delivery);
        return deliveries;
      },
    }),
  },
  {
    name: "the limit is ignored",
    law: "B7",
    broker: ({ sound: { broker } }) => ({ claim: (options) => broker.claim({ ...options, limit: Math.max(options.limit, 1_000) }) }),
  },
  {
    name: "the first queue is served until it is empty",
    law: "B7",
    broker: ({ sound: { broker } }) => ({
      claim: async (options) => {
        if (options.queues.length < 2) return broker.claim(options);
        const deliveries: Delivery[] = [];
        for (const queue of options.queues) {
          const limit = options.limit - deliveries.length;
          if (limit > 0) deliveries.push(...await broker.claim({ ...options, queues: [queue], limit, waitMs: 0 }));
        }
        return deliveries;
      },
    }),
  },
  {
    name: "other queues are served as well",
    law: "B7",
    broker: ({ sound: { broker } }) => ({
      claim: (options) => broker.claim({ ...options, queues: [...new Set([...options.queues, "b"])] }),
    }),
  },
  {
    name: "a claim does not wait",
    law: "B8",
    broker: ({ sound: { broker } }) => ({ claim: ({ waitMs: _, ...options }) => broker.claim(options) }),
  },
  {
    name: "only work of the same connection wakes a wait",
    law: "B8",
    broker: ({ sound: { broker }, clock }) => {
      const wakes = new Set<() => void>();
      return {
        publish: async (published, options) => {
          const answers = await broker.publish(published, options);
          for (const wake of wakes) wake();
          return answers;
        },
        claim: async ({ waitMs = 0, ...options }) => {
          const deadline = clock.monotonic() + waitMs;
          for (;;) {
            const deliveries = await broker.claim(options);
            const leftMs = deadline - clock.monotonic();
            if (deliveries.length > 0 || leftMs <= 0 || options.signal?.aborted) return deliveries;
            // Over a network its case may have failed, and closed it, in the meantime.
            const counts = await broker.counts("default").catch(() => undefined);
            if (counts === undefined) return [];
            const dueMs = counts.delayed + counts.inflight > 0 ? 10 : leftMs;
            await new Promise<void>((resolve) => {
              const cancel = clock.timer(Math.min(leftMs, dueMs), resolve);
              const wake = () => {
                cancel();
                resolve();
              };
              wakes.add(wake);
              options.signal?.addEventListener("abort", wake, { once: true });
            });
          }
        },
      };
    },
  },
  {
    name: "a wait does not end at its signal",
    law: "B8",
    broker: ({ sound: { broker } }) => ({ claim: ({ signal: _, ...options }) => broker.claim(options) }),
  },
  {
    name: "redelivered is never told",
    law: "B9",
    broker: handingOut((delivery) => ({ ...delivery, redelivered: false })),
  },
  {
    name: "deliveries are not counted",
    law: "B9",
    broker: handingOut((delivery) => ({ ...delivery, deliveryCount: 1 })),
  },
  {
    name: "a takeover burns an attempt",
    law: "B9",
    broker: handingOut((delivery) => ({
      ...delivery,
      envelope: { ...delivery.envelope, attempt: delivery.envelope.attempt + delivery.deliveryCount - 1 },
    })),
  },
  {
    name: "the lease of the envelope is ignored",
    law: "B10",
    broker: publishingAs(({ visibilityTimeoutMs: _, ...envelope }) => envelope),
  },
  {
    name: "a lease lasts an hour",
    law: "B10",
    broker: ({ sound: { broker } }) => ({ claim: (options) => broker.claim({ ...options, leaseMs: 3_600_000 }) }),
  },
  {
    name: "settling goes by id alone",
    law: "B11",
    broker: ({ sound: { broker }, shared: { deliveries } }) => {
      const latest = (delivery: Delivery) => ({ ...delivery, token: deliveries.get(delivery.envelope.id)?.token ?? delivery.token });
      return {
        claim: async (options) => {
          const claimed = await broker.claim(options);
          for (const delivery of claimed) deliveries.set(delivery.envelope.id, delivery);
          return claimed;
        },
        settle: (requests) => broker.settle(requests.map(({ delivery, settlement }) => ({ delivery: latest(delivery), settlement }))),
        extendLease: (claimed, leaseMs) => broker.extendLease(claimed.map(latest), leaseMs),
      };
    },
  },
  {
    name: "a settlement always says that it was accepted",
    law: "B11",
    broker: settlingAs(async (request, { sound: { broker } }) => {
      await broker.settle([request]);
      return true;
    }),
  },
  {
    name: "tokens begin anew with each life of an id",
    law: "B11",
    broker: ({ sound: { broker }, shared: { deliveries } }) => {
      const real = (delivery: Delivery) => ({
        ...delivery,
        token: deliveries.get(`${delivery.envelope.id} ${delivery.token}`)?.token ?? 0,
      });
      return {
        claim: async (options) =>
          (await broker.claim(options)).map((delivery) => {
            deliveries.set(`${delivery.envelope.id} ${delivery.deliveryCount}`, delivery);
            return { ...delivery, token: delivery.deliveryCount };
          }),
        settle: (requests) => broker.settle(requests.map(({ delivery, settlement }) => ({ delivery: real(delivery), settlement }))),
        extendLease: (claimed, leaseMs) => broker.extendLease(claimed.map(real), leaseMs),
      };
    },
  },
  {
    name: "an acknowledged id stays known",
    law: "B12",
    broker: ({ sound: { broker }, shared: { seen } }) => ({
      publish: (published, options) => {
        const isNew = published.map(({ id }) => !seen.has(id) && seen.add(id).has(id));
        return published.every((_, index) => isNew[index]) ? broker.publish(published, options) : Promise.resolve(isNew);
      },
    }),
  },
  {
    name: "an acknowledgement leaves a dead letter",
    law: "B12",
    broker: settlingAs(async ({ delivery, settlement }, { sound: { broker } }) => {
      if (settlement.kind === "ack") return broker.deadLetter(delivery, "done");
      return (await broker.settle([{ delivery, settlement }]))[0] ?? false;
    }),
  },
  {
    name: "a retry leaves a dead letter",
    law: "B13",
    broker: settlingAs(async ({ delivery, settlement }, { sound: { broker } }) => {
      if (settlement.kind !== "retry") return (await broker.settle([{ delivery, settlement }]))[0] ?? false;
      return broker.deadLetter(delivery, "retried");
    }),
  },
  {
    name: "a retry ignores its delay",
    law: "B13",
    broker: settlingAs(async ({ delivery, settlement }, { sound: { broker } }) =>
      (await broker.settle([{ delivery, settlement: settlement.kind === "retry" ? { kind: "retry" } : settlement }]))[0] ?? false
    ),
  },
  {
    name: "a put-back burns an attempt",
    law: "B14",
    broker: settlingAs(async ({ delivery, settlement }, { sound: { broker } }) =>
      (await broker.settle([{ delivery, settlement: settlement.kind === "nack" ? { ...settlement, kind: "retry" } : settlement }]))[0] ??
        false
    ),
  },
  {
    name: "a put-back leaves a dead letter",
    law: "B14",
    broker: settlingAs(async ({ delivery, settlement }, { sound: { broker } }) => {
      if (settlement.kind === "nack") return broker.deadLetter(delivery, "put back");
      return (await broker.settle([{ delivery, settlement }]))[0] ?? false;
    }),
  },
  {
    name: "the error of a dead letter is lost",
    law: "B14",
    broker: settlingAs(async ({ delivery, settlement }, { sound: { broker } }) => {
      if (settlement.kind === "deadLetter") return broker.deadLetter(delivery, settlement.reason);
      return (await broker.settle([{ delivery, settlement }]))[0] ?? false;
    }),
  },
  {
    name: "one stale delivery holds up a whole batch",
    law: "B15",
    broker: ({ sound: { broker } }) => ({
      settle: async (requests) => {
        const held = await broker.extendLease(requests.map(({ delivery }) => delivery), 1);
        return held.includes(undefined) ? requests.map(() => false) : broker.settle(requests);
      },
    }),
  },
  {
    name: "a batch is settled by its first decision",
    law: "B15",
    broker: ({ sound: { broker } }) => ({
      settle: (requests) =>
        broker.settle(requests.map((request) => ({ ...request, settlement: requests[0]?.settlement ?? request.settlement }))),
    }),
  },
  {
    name: "an extension puts a copy back into the queue",
    law: "B16",
    broker: ({ sound: { broker }, clock }) => ({
      extendLease: async (deliveries, leaseMs) => {
        const held = await broker.settle(deliveries.map((delivery) => ({ delivery, settlement: { kind: "nack" } })));
        return held.map((isHeld) => isHeld ? clock.now() + leaseMs : undefined);
      },
    }),
  },
  {
    name: "an extension changes nothing",
    law: "B16",
    broker: ({ clock }) => ({ extendLease: async (deliveries, leaseMs) => deliveries.map(() => clock.now() + leaseMs) }),
  },
];
