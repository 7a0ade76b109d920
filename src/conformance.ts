/**
 * The conformance kit: the laws of the store contracts as cases that any adapter can be held to.
 *
 * @module
 */

import { memory } from "./adapters/memory/adapter.ts";
import type { ConformanceCase } from "./conformance/case.ts";
import { LAW_CASES } from "./conformance/cases.ts";
import type { ConformanceHarness } from "./conformance/harness.ts";
import type { ModelBasedOptions } from "./conformance/model-based.ts";
import { modelBasedCases } from "./conformance/model-based.ts";
import type { ConformanceOptions } from "./conformance/register.ts";
import { registerCases } from "./conformance/register.ts";

export type { CaseContext, ConformanceCase, LedgerKind } from "./conformance/case.ts";
export type { ConformanceHarness, HarnessConnectOptions, RunInTransaction } from "./conformance/harness.ts";
export type { ModelBasedOptions } from "./conformance/model-based.ts";
export type { ConformanceOptions, RegisterTest } from "./conformance/register.ts";
export type { RunCaseOptions } from "./conformance/run-case.ts";
export { lawsOf } from "./conformance/case.ts";
export { runConformanceCase } from "./conformance/run-case.ts";

/** Every case, in the order of the contracts; the ones that draw operations at random come last. */
export const CONFORMANCE_CASES: readonly ConformanceCase[] = Object.freeze([...LAW_CASES, ...randomCases()]);

/**
 * Makes the cases that compare an adapter with the memory adapter over random operations: with the seed that a failure told, it comes again.
 */
export function randomCases(options: Omit<ModelBasedOptions, "connectReference"> = {}): readonly ConformanceCase[] {
  return modelBasedCases({ ...options, connectReference: memory });
}

/**
 * Registers every case of the contracts for one adapter, and one test more at the end that cleans up.
 *
 * There is no way to leave a case out: what an adapter cannot do it says in `supports`, and the case then asks for `UnsupportedError`.
 *
 * @returns how many cases were registered, the clean-up not counted.
 *
 * @example
 * ```ts no-run
 * import { test } from "node:test";
 * import type { Adapter } from "@stem/stem";
 * import { registerConformance } from "@stem/stem/conformance";
 *
 * declare function connectMine(options: { readonly namespace: string }): Promise<Adapter>;
 *
 * registerConformance({ name: "mine", connect: (options) => connectMine(options), cleanup: async () => {} }, { test });
 * ```
 */
export function registerConformance(harness: ConformanceHarness, options: ConformanceOptions): number {
  return registerCases(harness, { cases: CONFORMANCE_CASES, ...options });
}
