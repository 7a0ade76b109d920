/** Brokers with one defect each: consuming, administration, and what holds everywhere. */

import type { Broadcast, ReplayOptions } from "../../src/contracts/broker.ts";
import type { DeadLetter, Delivery } from "../../src/model/delivery.ts";
import type { Defect, Scope } from "./wrap.ts";

/** Changes what the dead letters do. */
function deadLetters(change: (scope: Scope) => Partial<Scope["sound"]["broker"]["deadLetters"]>): NonNullable<Defect["broker"]> {
  return (scope) => {
    const inner = scope.sound.broker.deadLetters;
    return {
      deadLetters: {
        list: (filter, page) => inner.list(filter, page),
        get: (id) => inner.get(id),
        replay: (options) => inner.replay(options),
        purge: (filter) => inner.purge(filter),
        ...change(scope),
      },
    };
  };
}

/** The defects. */
export const brokerAdminDefects: readonly Defect[] = [
  {
    name: "poison is yielded for ever",
    law: "B17",
    broker: ({ sound: { broker } }) => ({ consume: (options) => broker.consume({ ...options, maxDeliveries: 1_000 }) }),
  },
  {
    name: "what was claimed ahead is kept",
    law: "B17",
    broker: ({ sound: { broker } }) => ({
      async *consume({ prefetch = 1, maxDeliveries: _, ...options }) {
        while (!options.signal?.aborted) {
          const deliveries = await broker.claim({ ...options, limit: prefetch, waitMs: 60_000 });
          if (deliveries.length === 0) return;
          for (const delivery of deliveries) {
            yield delivery;
            if (options.signal?.aborted) return;
          }
        }
      },
    }),
  },
  {
    name: "purge forgets what is held",
    law: "B18",
    broker: ({ sound: { broker }, shared: { deliveries } }) => ({
      claim: async (options) => {
        const claimed = await broker.claim(options);
        for (const delivery of claimed) deliveries.set(delivery.envelope.id, delivery);
        return claimed;
      },
      purge: async (queue) => {
        const held = [...deliveries.values()].filter(({ envelope }) => envelope.queue === queue);
        const forgotten = await broker.settle(held.map((delivery) => ({ delivery, settlement: { kind: "ack" } })));
        return await broker.purge(queue) + forgotten.filter((done) => done).length;
      },
    }),
  },
  {
    name: "an expired lease counts as held",
    law: "B18",
    broker: ({ sound: { broker }, shared: { deliveries } }) => ({
      claim: async (options) => {
        const claimed = await broker.claim(options);
        for (const delivery of claimed) deliveries.set(delivery.envelope.id, delivery);
        return claimed;
      },
      counts: async (queue) => {
        const counts = await broker.counts(queue);
        const held = await broker.extendLease([...deliveries.values()].filter((one) => one.envelope.queue === queue), 1);
        const inflight = held.filter((until) => until !== undefined).length;
        return { ...counts, inflight, ready: counts.ready - (inflight - counts.inflight) };
      },
    }),
  },
  {
    name: "dead letters are listed with the oldest first",
    law: "B19",
    broker: deadLetters(({ sound: { broker } }) => ({
      list: async (filter, page) => {
        const found = await broker.deadLetters.list(filter, page);
        return { ...found, items: found.items.toReversed() };
      },
    })),
  },
  {
    name: "a dead letter is looked for on the first page",
    law: "B19",
    broker: deadLetters(({ sound: { broker } }) => ({
      get: async (id) => (await broker.deadLetters.list()).items.find((letter) => letter.id === id),
    })),
  },
  {
    name: "dead letters are filtered after paging",
    law: "B19",
    broker: deadLetters(({ sound: { broker } }) => ({
      list: async (filter = {}, page = {}) => {
        const found = await broker.deadLetters.list({}, { ...page, limit: Math.min(page.limit ?? 2, 2) });
        const items = found.items.filter((letter) =>
          (filter.queue === undefined || letter.queue === filter.queue) && (filter.since === undefined || letter.diedAt >= filter.since) &&
          (filter.ids === undefined || filter.ids.includes(letter.id))
        );
        return { ...found, items };
      },
    })),
  },
  {
    name: "a replay gives no fresh budget of retries",
    law: "B20",
    broker: ({ sound: { broker } }) => ({
      claim: async (options) =>
        (await broker.claim(options)).map((delivery) => ({ ...delivery, envelope: { ...delivery.envelope, maxRetries: 2 } })),
    }),
  },
  {
    name: "a dry run replays",
    law: "B20",
    broker: deadLetters(({ sound: { broker } }) => ({
      replay: ({ dryRun: _, ...options }: ReplayOptions = {}) => broker.deadLetters.replay(options),
    })),
  },
  {
    name: "a replay of no ids replays all",
    law: "B20",
    broker: deadLetters(({ sound: { broker } }) => ({
      replay: ({ ids, ...options }: ReplayOptions = {}) =>
        broker.deadLetters.replay(ids === undefined || ids.length === 0 ? options : { ...options, ids }),
    })),
  },
  {
    name: "the second death of an id loses the task",
    law: "B20",
    broker: ({ sound: { broker }, shared: { seen } }) => ({
      settle: async (requests) =>
        broker.settle(requests.map(({ delivery, settlement }) => {
          if (settlement.kind !== "deadLetter") return { delivery, settlement };
          if (seen.has(delivery.envelope.id)) return { delivery, settlement: { kind: "ack" } };
          seen.add(delivery.envelope.id);
          return { delivery, settlement };
        })),
    }),
  },
  {
    name: "forgetting a status forgets its dead letter",
    law: "B21",
    results: ({ sound }) => ({
      remove: async (id) => {
        await sound.broker.deadLetters.purge({ ids: [id] });
        return sound.results.remove(id);
      },
    }),
  },
  {
    name: "expired dead letters are still read",
    law: "B21",
    broker: (scope) => {
      const kept = new Map<string, DeadLetter>();
      return deadLetters(({ sound: { broker } }) => ({
        get: async (id) => {
          const letter = await broker.deadLetters.get(id) ?? kept.get(id);
          if (letter !== undefined) kept.set(id, letter);
          return letter;
        },
      }))(scope);
    },
  },
  {
    name: "a sweep of dead letters ignores its limit",
    law: "B21",
    broker: ({ sound: { broker } }) => ({ sweep: () => broker.sweep() }),
  },
  {
    name: "a broadcast stays on its connection",
    law: "B22",
    broker: ({ sound: { broker } }) => {
      const prefix = Math.floor(performance.now() * 1_000_000).toString(36);
      return {
        broadcast: (channel, message) => broker.broadcast(channel === "" ? "" : `${prefix}${channel}`, message),
        subscribe: (channel, options) => broker.subscribe(channel === "" ? "" : `${prefix}${channel}`, options),
      };
    },
  },
  {
    name: "a broadcast reaches one subscriber only",
    law: "B22",
    broker: ({ sound: { broker }, shared: { seen } }) => ({
      subscribe: async (channel, options) => {
        const messages = await broker.subscribe(channel, options);
        return {
          async *[Symbol.asyncIterator](): AsyncGenerator<Broadcast, void, undefined> {
            for await (const message of messages) {
              const key = JSON.stringify(message);
              if (seen.has(key)) continue;
              seen.add(key);
              yield message;
            }
          },
        };
      },
    }),
  },
  { name: "namespaces are ignored", law: "B23", connectWith: (options) => ({ ...options, namespace: options.namespace.slice(0, 48) }) },
  {
    name: "claims hand out what is stored, not a copy",
    law: "B24",
    broker: ({ sound: { broker }, shared: { envelopes } }) => ({
      claim: async (options) =>
        (await broker.claim(options)).map((delivery): Delivery => {
          const envelope = envelopes.get(delivery.envelope.id) ?? delivery.envelope;
          envelopes.set(envelope.id, envelope);
          return { ...delivery, envelope };
        }),
    }),
  },
  {
    name: "a closed broker goes on",
    law: "B25",
    adapter: () => ({ close: async () => {} }),
  },
  {
    name: "bad limits are taken for good ones",
    law: "B26",
    broker: ({ sound: { broker } }) => ({
      claim: (options) => broker.claim({ ...options, limit: Number.isSafeInteger(options.limit) && options.limit > 0 ? options.limit : 1 }),
    }),
  },
  {
    name: "negative delays count as none",
    law: "B26",
    broker: ({ sound: { broker } }) => ({
      settle: (requests) =>
        broker.settle(requests.map(({ delivery, settlement }) => ({
          delivery,
          settlement: settlement.kind === "retry" ? { kind: "retry", delayMs: Math.max(0, settlement.delayMs ?? 0) } : settlement,
        }))),
    }),
  },
  {
    name: "a pause holds on the connection that asked for it",
    law: "B28",
    broker: ({ sound: { broker } }) => {
      const paused = new Set<string>();
      return {
        pauseQueue: async (queue) => paused.size < paused.add(queue).size,
        resumeQueue: async (queue) => paused.delete(queue),
        claim: ({ queues, ...options }) => broker.claim({ ...options, queues: queues.filter((queue) => !paused.has(queue)) }),
      };
    },
  },
  {
    name: "a pause holds up every queue of a claim",
    law: "B28",
    broker: ({ sound: { broker } }) => ({
      claim: async (options) => {
        const paused = (await broker.pausedQueues()).map(({ queue }) => queue);
        return options.queues.some((queue) => paused.includes(queue)) ? [] : broker.claim(options);
      },
    }),
  },
  {
    name: "a pause puts what it finds off, and lets through what comes later",
    law: "B28",
    broker: ({ sound: { broker } }) => ({
      pauseQueue: async (queue) => {
        const found = await broker.claim({ queues: [queue], limit: 1_000, consumer: "pause" });
        await broker.settle(found.map((delivery) => ({ delivery, settlement: { kind: "nack", delayMs: 60_000 } })));
        return true;
      },
    }),
  },
  {
    name: "a second pause replaces the reason of the first",
    law: "B28",
    broker: ({ sound: { broker } }) => ({
      pauseQueue: async (queue, options) => {
        const wasPaused = await broker.resumeQueue(queue);
        return await broker.pauseQueue(queue, options) && !wasPaused;
      },
    }),
  },
  {
    name: "a paused queue accepts nothing",
    law: "B28",
    broker: ({ sound: { broker } }) => ({
      publish: async (envelopes, options) => {
        const paused = (await broker.pausedQueues()).map(({ queue }) => queue);
        return broker.publish(envelopes.filter(({ queue }) => !paused.includes(queue)), options);
      },
    }),
  },
  {
    name: "a wait does not hear that its queue was resumed",
    law: "B28",
    broker: ({ sound: { broker } }) => ({
      claim: async (options) => {
        const paused = (await broker.pausedQueues()).map(({ queue }) => queue);
        const open = options.queues.filter((queue) => !paused.includes(queue));
        return broker.claim({ ...options, queues: open.length === 0 ? ["nothing is published here"] : open });
      },
    }),
  },
  {
    name: "a transaction is ignored",
    law: "B27",
    broker: ({ sound: { broker } }) => ({
      publish: (envelopes) => broker.publish(envelopes),
      settle: (requests) => broker.settle(requests),
    }),
  },
];
