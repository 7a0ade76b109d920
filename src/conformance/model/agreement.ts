import type { Adapter } from "../../contracts/adapter.ts";
import type { ManualClock } from "../../time/manual-clock.ts";
import { isDeepStrictEqual, show } from "../assert.ts";
import type { Operation } from "./operation.ts";
import { Side, type SideOptions } from "./side.ts";

/** Two adapters that are to agree, each on a namespace that nothing was written to. */
export interface Pair {
  /** The connections to the adapter that is known to be right. */
  readonly reference: readonly Adapter[];
  /** The connections to the adapter in question: they take turns. */
  readonly subject: readonly Adapter[];
  /** The clock that all of them live by. */
  readonly clock: ManualClock;
  /** What is not compared. @default everything is */
  readonly options?: SideOptions;
}

/** Where two adapters part. */
export interface Disagreement {
  /** How many operations were carried out, the last one included. */
  readonly after: number;
  /** What is said about it. */
  readonly message: string;
}

// No two operations at one instant, so that the order of the calls decides what comes first. As far apart as this because an adapter may
// take a moment to put what has fallen due back into its place while other work is at hand.
const stepMs = 200;

// Everything is compared now and then, and at the end: what an operation broke may show in no later answer.
const readEvery = 10;

/** Carries out operations on both, one after the other, and compares every answer. `undefined` when they agree to the end. */
export async function findDisagreement(
  operations: readonly Operation[],
  { reference, subject, clock, options }: Pair,
): Promise<Disagreement | undefined> {
  const [right, tested] = [new Side(reference, options), new Side(subject, options)];
  for (const [index, operation] of operations.entries()) {
    await clock.advance(operation.kind === "advance" ? operation.ms : stepMs);
    const differs = compare(await answerOf(right, operation), await answerOf(tested, operation));
    if (differs !== undefined) return { after: index + 1, message: `operation ${index + 1}, ${show(operation)}: ${differs}` };
    if (index % readEvery !== readEvery - 1 && index !== operations.length - 1) continue;
    const isApart = compare(await right.readAll(), await tested.readAll());
    if (isApart !== undefined) return { after: index + 1, message: `what can be read after operation ${index + 1}: ${isApart}` };
  }
  return undefined;
}

/** An error is an answer too. */
async function answerOf(side: Side, operation: Operation): Promise<unknown> {
  try {
    return await side.carryOut(operation);
  } catch (error) {
    return { thrown: error instanceof Error ? `${error.name}: ${error.message}` : error };
  }
}

function compare(expected: unknown, actual: unknown, path = "the answer"): string | undefined {
  if (isDeepStrictEqual(expected, actual)) return undefined;
  if (isRecord(expected) && isRecord(actual)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
      const found = compare(expected[key], actual[key], `${path}, ${key}`);
      if (found !== undefined) return found;
    }
  }
  return `${path}: the reference has ${show(expected)}, the adapter ${show(actual)}`;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
