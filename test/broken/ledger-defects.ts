/** Ledgers and adapters with one defect each. */

import type { Completion } from "../../src/contracts/task-ledger.ts";
import type { Delivery } from "../../src/model/delivery.ts";
import type { Defect, Scope } from "./wrap.ts";

/** Changes each completion on its way in. */
function finishing(change: (completion: Completion) => Completion): NonNullable<Defect["ledger"]> {
  return ({ ledger }) => ({ finish: (completions) => ledger.finish(completions.map(change)) });
}

function withoutGroup(delivery: Delivery): Delivery {
  const { groupId: _, ...envelope } = delivery.envelope;
  return { ...delivery, envelope };
}

/** Claims from the broker alone. */
const claimOnly: NonNullable<Defect["ledger"]> = ({ sound: { broker } }: Scope) => ({ claim: (options) => broker.claim(options) });

/** The defects. */
export const ledgerDefects: readonly Defect[] = [
  {
    name: "a task is published before its status is queued",
    law: "T1",
    ledger: ({ sound: { broker, results } }) => ({
      enqueue: async (envelopes) => {
        const answers = await broker.publish(envelopes);
        for (let turn = 0; turn < 50; turn++) await Promise.resolve();
        const fresh = envelopes.filter((_, index) => answers[index] === true);
        for (const { id } of fresh) await results.remove(id);
        await results.setMany(fresh.map(({ id, name, queue, attempt, meta, groupId }) => ({
          ...{ id, name, queue, attempt, meta, state: "queued" },
          ...(groupId === undefined ? {} : { groupId }),
        })));
        return answers;
      },
    }),
  },
  {
    name: "a task whose status is kept is run again",
    law: "T2",
    ledger: ({ ledger, sound: { results } }) => ({
      enqueue: async (envelopes, options) => {
        const statuses = await results.getMany(envelopes.map(({ id }) => id));
        for (const status of statuses) if (status?.finishedAt !== undefined) await results.remove(status.id);
        return ledger.enqueue(envelopes, options);
      },
    }),
  },
  { name: "what is claimed is not running", law: "T3", ledger: claimOnly },
  {
    name: "follow-ups are not published",
    law: "T4",
    ledger: finishing(({ followUps: _, ...completion }) => completion),
  },
  {
    name: "the acknowledgement comes before the status",
    law: "T5",
    ledger: ({ sound: { broker, results } }) => ({
      finish: async (completions) => {
        const answers = await broker.settle(completions);
        await results.setMany(completions.map(({ delivery: { envelope, consumer }, status: { ttlMs: _, ...status } }) => ({
          ...{ id: envelope.id, name: envelope.name, attempt: envelope.attempt, worker: consumer },
          ...status,
        })));
        return answers.map((settled) => ({ settled }));
      },
    }),
  },
  {
    name: "a retry does not tell its error",
    law: "T6",
    ledger: finishing((completion) =>
      completion.settlement.kind === "retry" ? { ...completion, status: { state: "retrying" } } : completion
    ),
  },
  {
    name: "the group of a dead letter is not told",
    law: "T7",
    ledger: finishing((completion) =>
      completion.settlement.kind === "deadLetter" ? { ...completion, delivery: withoutGroup(completion.delivery) } : completion
    ),
  },
  {
    name: "a bad completion is found when others are written",
    law: "T8",
    ledger: ({ ledger }) => ({
      finish: async (completions) => {
        const outcomes = [];
        for (const completion of completions) outcomes.push(...await ledger.finish([completion]));
        return outcomes;
      },
    }),
  },
  {
    name: "the transaction of an enqueue is ignored",
    law: "T9",
    ledger: ({ ledger }) => ({ enqueue: (envelopes) => ledger.enqueue(envelopes) }),
  },
  {
    name: "putting a task back burns an attempt",
    law: "T10",
    ledger: finishing((completion) =>
      completion.settlement.kind === "nack" ? { ...completion, settlement: { kind: "retry" }, status: { state: "retrying" } } : completion
    ),
  },
  {
    name: "a cancelled task is still handed out",
    law: "T11",
    ledger: ({ sound: { broker, results } }) => ({
      claim: (options) => broker.claim(options),
      cancel: async (ids) => {
        const answers = await results.setMany(ids.map((id) => ({ id, state: "cancelled" })));
        return answers.map((done) => done ? "cancelled" : "ended");
      },
    }),
  },
  {
    name: "a cancellation of waiting tasks hits those that run",
    law: "T11",
    ledger: ({ ledger }) => ({ cancel: (ids, options) => ledger.cancel(ids, { ...options, waitingOnly: false }) }),
  },
  {
    name: "nobody learns who cancelled a task",
    law: "T11",
    ledger: ({ ledger }) => ({
      cancel: (ids, { requestedBy: _requestedBy, ...options } = {}) => ledger.cancel(ids, options),
    }),
  },
  {
    name: "a purge leaves the statuses queued",
    law: "T12",
    ledger: ({ sound: { broker } }) => ({ purge: (queue) => broker.purge(queue) }),
  },
  {
    name: "a replay leaves the status failed",
    law: "T12",
    ledger: ({ ledger, sound: { results } }) => ({
      replay: async (options) => {
        const ids = await ledger.replay(options);
        if (options?.dryRun === true) return ids;
        await results.setMany(ids.map((id) => ({ id, state: "failed" })));
        return ids;
      },
    }),
  },
  {
    name: "expired tasks are dropped by the claim",
    law: "T13",
    ledger: ({ ledger }) => ({
      claim: async (options) =>
        (await ledger.claim(options)).filter(({ envelope, claimedAt }) =>
          envelope.expiresAt === undefined || envelope.expiresAt > claimedAt
        ),
    }),
  },
  {
    name: "closing an adapter leaves its broker open",
    law: "A1",
    adapter: ({ sound: { results } }) => ({ close: () => results.close(), [Symbol.asyncDispose]: () => results.close() }),
  },
  { name: "each connection sees its own state", law: "A2", isApart: true },
  { name: "the stores do not join", law: "A3", broker: () => ({ joinWith: () => undefined }) },
  {
    name: "a joined ledger runs what a separate one has ended",
    law: "A3",
    ledger: ({ ledger }) => ({ cancel: async (ids) => ids.map(() => "unknown"), replay: (options) => ledger.replay(options) }),
  },
  { name: "what was acknowledged is gone with the next connection", law: "A4", isApart: true },
];
