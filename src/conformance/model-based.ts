import type { Adapter } from "../contracts/adapter.ts";
import type { ManualClock } from "../time/manual-clock.ts";
import type { Random } from "../time/random.ts";
import { systemRandom } from "../time/random.ts";
import { fail } from "./assert.ts";
import type { CaseContext, ConformanceCase } from "./case.ts";
import { timedLaw } from "./case.ts";
import { type Disagreement, findDisagreement } from "./model/agreement.ts";
import { drawOperation, type Operation, type OperationKind } from "./model/operation.ts";
import type { SideOptions } from "./model/side.ts";
import { shrink } from "./model/shrink.ts";

/** What the model-based cases need. */
export interface ModelBasedOptions {
  /** Connects to the adapter that is known to be right, on a database of its own. */
  readonly connectReference: (options: { readonly namespace: string; readonly clock: ManualClock }) => Adapter;
  /** Where the first sequence begins; a failure tells the seed of its own. @default a different one each time */
  readonly seed?: number;
  /** How many sequences each case draws. @default 8 */
  readonly sequences?: number;
  /** How many operations a sequence has. @default 80 */
  readonly length?: number;
}

const brokerKinds: readonly OperationKind[] = [
  ...["publish", "publish", "claim", "claim", "settle", "settle", "extend", "counts", "purge", "advance", "advance"] as const,
  ...["settle", "publish", "replay", "forgetDead", "buried", "sweep", "pause", "resume", "resume"] as const,
];
const resultKinds: readonly OperationKind[] = [
  ...["set", "set", "set", "statuses", "list", "remove", "expire", "initGroup", "initGroup", "report", "report", "report"] as const,
  ...["groups", "claimChord", "claimChord", "completeChord", "dueChords", "beat", "workers", "advance", "advance", "sweep"] as const,
];
const ledgerKinds: readonly OperationKind[] = [
  ...["enqueue", "enqueue", "claimTask", "claimTask", "finish", "finish", "finish", "cancel", "purgeTasks", "replayTasks"] as const,
  ...["initGroup", "groups", "statuses", "counts", "buried", "advance", "advance", "extend", "sweep"] as const,
];

const limiterKinds: readonly OperationKind[] = [
  ...["take", "take", "take", "enter", "enter", "renewPermits", "leave", "leave", "sweepLimits", "advance", "advance"] as const,
];

const lockKinds: readonly OperationKind[] = [
  ...["lock", "lock", "lock", "renewLocks", "renewLocks", "unlock", "unlock", "handOver", "currentLocks"] as const,
  ...["holders", "sweepLocks", "advance", "advance"] as const,
];

const revocationKinds: readonly OperationKind[] = [
  ...["decide", "decide", "decide", "takeBack", "matchRevoked", "matchRevoked", "pruneRevoked", "advance", "advance"] as const,
];

const scheduleKinds: readonly OperationKind[] = [
  ...["plan", "plan", "plan", "unplan", "claimSlots", "claimSlots", "claimSlots", "endSlot", "endSlot", "endSlots", "endSlots"] as const,
  ...["giveBackSlots", "plans", "sweepPlans", "counts", "advance", "advance", "advance"] as const,
];

/**
 * Makes the cases that compare an adapter with the reference over random operations. They bring their own drawing and shortening of
 * sequences, so that an adapter's author needs no further package.
 */
export function modelBasedCases(setting: ModelBasedOptions): readonly ConformanceCase[] {
  const { seed = Math.floor(systemRandom() * 2 ** 31), sequences = 8, length = 80, connectReference } = setting;
  const agrees = (kinds: readonly OperationKind[], options: SideOptions = {}): ConformanceCase["run"] => async (context) => {
    for (let sequence = 0; sequence < sequences; sequence++) {
      await expectAgreement(context, {
        connectReference,
        options,
        seed: seed + sequence,
        operations: draw(kinds, seed + sequence, length),
      });
    }
  };
  return Object.freeze([
    timedLaw("[B1 B4 B5 B9 B11 B15 B18 B20 B28] random operations of a broker agree with the memory adapter", agrees(brokerKinds)),
    timedLaw("[R1 R2 R4 R8 R14 R15 R17] random operations of a result backend agree with the memory adapter", agrees(resultKinds)),
    timedLaw(
      "[T1 T4 T5 T7 T11 T12] random operations of a ledger agree with the memory adapter",
      agrees(ledgerKinds, { ignoresPlaces: true }),
    ),
    timedLaw("[L1 L3 L4 L5 L6 L11 L13] random operations of a lock store agree with the memory adapter", agrees(lockKinds)),
    timedLaw("[Q1 Q2 Q5 Q6 Q7 Q8 Q9 Q10] random operations of a rate limiter agree with the memory adapter", agrees(limiterKinds)),
    timedLaw("[V1 V3 V4 V8] random operations of a revoke store agree with the memory adapter", agrees(revocationKinds)),
    timedLaw("[S2 S3 S4 S5 S6 S7 S8 S9] random operations of a schedule store agree with the memory adapter", agrees(scheduleKinds)),
    timedLaw(
      "[A3 B21] random operations of all stores together agree with the memory adapter",
      agrees([...brokerKinds, ...resultKinds, ...ledgerKinds], { ignoresPlaces: true, ignoresOrigins: true }),
    ),
  ]);
}

interface Drawn {
  readonly connectReference: ModelBasedOptions["connectReference"];
  readonly options: SideOptions;
  readonly seed: number;
  readonly operations: readonly Operation[];
}

async function expectAgreement(context: CaseContext, { connectReference, options, seed, operations }: Drawn): Promise<void> {
  const found = await run(operations);
  if (found === undefined) return;
  const shortest = await shrink(operations.slice(0, found.after), async (some) => await run(some) !== undefined);
  const last = await run(shortest) ?? found;
  fail(
    `The adapters disagree (seed ${seed}) at ${last.message}\nThe operations:\n${shortest.map((one) => JSON.stringify(one)).join("\n")}`,
  );

  async function run(some: readonly Operation[]): Promise<Disagreement | undefined> {
    const namespace = context.id("drawn");
    const { clock } = context;
    const reference = connectReference({ namespace, clock });
    const subject = [await context.connect(namespace), await context.connect(namespace)];
    try {
      return await findDisagreement(some, { reference: [reference], subject, clock, options });
    } finally {
      await Promise.all([reference, ...subject].map((adapter) => adapter.close()));
    }
  }
}

function draw(kinds: readonly OperationKind[], seed: number, length: number): readonly Operation[] {
  const random = seededRandom(seed);
  return Array.from({ length }, () => drawOperation(kinds, random));
}

/** Gives the same numbers for the same seed, by the generator called mulberry32. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}
