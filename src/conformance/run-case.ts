import type { Adapter } from "../contracts/adapter.ts";
import type { TaskLedger } from "../contracts/task-ledger.ts";
import type { Clock } from "../time/clock.ts";
import { SeparateLedger } from "../ledger/separate-ledger.ts";
import { envelope } from "../model/envelope.ts";
import { uuidV7 } from "../time/id.ts";
import { ManualClock } from "../time/manual-clock.ts";
import { withDeadline } from "../time/sleep.ts";
import { fail, present } from "./assert.ts";
import type { CaseContext, ConformanceCase } from "./case.ts";
import type { ConformanceHarness } from "./harness.ts";

/** How long a case may take unless it says otherwise. */
export const DEFAULT_CASE_TIMEOUT_MS = 60_000;

/** How {@link runConformanceCase} runs. */
export interface RunCaseOptions {
  /** How long a signal may take in real time before it is taken for one that never comes, in milliseconds. @default 10,000 */
  readonly signalLimitMs?: number;
}

const defaultSignalLimitMs = 10_000;

/**
 * Runs one case against fresh connections, and closes all of them whatever happens.
 *
 * @throws What the case threw; else an error when closing fails or hangs.
 */
export async function runConformanceCase(
  harness: ConformanceHarness,
  conformanceCase: ConformanceCase,
  options: RunCaseOptions = {},
): Promise<void> {
  const { signalLimitMs = defaultSignalLimitMs } = options;
  const open = new Set<Adapter>();
  const context = await makeContext({ harness, conformanceCase, open, signalLimitMs });
  let failure: { readonly error: unknown } | undefined;
  try {
    await conformanceCase.run(context);
  } catch (error) {
    failure = { error };
  }
  const closing = await closeAll(open, signalLimitMs);
  if (failure !== undefined) throw failure.error;
  if (closing !== undefined) throw closing.error;
}

interface ContextParts {
  readonly harness: ConformanceHarness;
  readonly conformanceCase: ConformanceCase;
  readonly open: Set<Adapter>;
  readonly signalLimitMs: number;
}

async function makeContext({ harness, conformanceCase, open, signalLimitMs }: ContextParts): Promise<CaseContext> {
  const namespace = `conformance-${uuidV7()}`;
  const manual = new ManualClock();
  const isManual = conformanceCase.clock === "manual";
  const time: { readonly clock?: Clock } = isManual ? { clock: manual } : {};
  const connect = async (into: string): Promise<Adapter> => {
    const adapter = await withDeadline(harness.connect({ namespace: into, ...time }), signalLimitMs, { message: "Cannot connect in time" });
    open.add(adapter);
    return adapter;
  };
  const adapter = await connect(namespace);
  let other: Promise<Adapter> | undefined;
  let ledger: TaskLedger | undefined;
  const ledgerOf = ({ broker, results }: Adapter): TaskLedger =>
    conformanceCase.ledger === "separate"
      ? new SeparateLedger(broker, results)
      : present(broker.joinWith(results), "a ledger from joinWith of the same adapter's result backend");
  let ids = 0;
  const id = (label = "id"): string => `${label}-${++ids}-${uuidV7()}`;
  return {
    namespace,
    adapter,
    broker: adapter.broker,
    results: adapter.results,
    get ledger(): TaskLedger {
      ledger ??= ledgerOf(adapter);
      return ledger;
    },
    ledgerOf,
    get clock(): ManualClock {
      return isManual ? manual : fail("This case lives in the store's own time and cannot move it");
    },
    isManual,
    transaction: harness.transaction,
    second: () => connect(namespace),
    other: () => other ??= connect(`${namespace}-other`),
    connect,
    within: (promise, ms = defaultSignalLimitMs) => {
      const limitMs = ms * signalLimitMs / defaultSignalLimitMs;
      return withDeadline(promise, limitMs, { message: `Expected an answer within ${limitMs} ms of real time` });
    },
    id,
    envelope: (input = {}) => envelope({ id: id("task"), ...input, name: input.name ?? "conformance.task" }),
  };
}

async function closeAll(open: ReadonlySet<Adapter>, limitMs: number): Promise<{ readonly error: unknown } | undefined> {
  try {
    const closing = Promise.all([...open].map((adapter) => adapter.close()));
    await withDeadline(closing, limitMs, { message: `Cannot close within ${limitMs} ms` });
    return undefined;
  } catch (error) {
    return { error };
  }
}
