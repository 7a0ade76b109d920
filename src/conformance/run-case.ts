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

// A signal that takes longer than this in real time is taken for one that never comes.
const signalLimitMs = 10_000;

/**
 * Runs one case against fresh connections, and closes all of them whatever happens.
 *
 * @throws What the case threw; else an error when closing fails or hangs.
 */
export async function runConformanceCase(harness: ConformanceHarness, conformanceCase: ConformanceCase): Promise<void> {
  const open = new Set<Adapter>();
  const context = await makeContext({ harness, conformanceCase, open });
  let failure: { readonly error: unknown } | undefined;
  try {
    await conformanceCase.run(context);
  } catch (error) {
    failure = { error };
  }
  const closing = await closeAll(open);
  if (failure !== undefined) throw failure.error;
  if (closing !== undefined) throw closing.error;
}

interface ContextParts {
  readonly harness: ConformanceHarness;
  readonly conformanceCase: ConformanceCase;
  readonly open: Set<Adapter>;
}

async function makeContext({ harness, conformanceCase, open }: ContextParts): Promise<CaseContext> {
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
    within: (promise, ms = signalLimitMs) => withDeadline(promise, ms, { message: `Expected an answer within ${ms} ms of real time` }),
    id,
    envelope: (input = {}) => envelope({ id: id("task"), ...input, name: input.name ?? "conformance.task" }),
  };
}

async function closeAll(open: ReadonlySet<Adapter>): Promise<{ readonly error: unknown } | undefined> {
  try {
    const closing = Promise.all([...open].map((adapter) => adapter.close()));
    await withDeadline(closing, signalLimitMs, { message: `Cannot close within ${signalLimitMs} ms` });
    return undefined;
  } catch (error) {
    return { error };
  }
}
