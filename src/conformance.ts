/**
 * The conformance kit: the laws of the store contracts as cases that any adapter can be held to.
 *
 * @module
 */

export type { CaseContext, ConformanceCase, LedgerKind } from "./conformance/case.ts";
export type { ConformanceHarness, HarnessConnectOptions, RunInTransaction } from "./conformance/harness.ts";
export type { ConformanceOptions, RegisterTest } from "./conformance/register.ts";
export { lawsOf } from "./conformance/case.ts";
export { CONFORMANCE_CASES } from "./conformance/cases.ts";
export { registerConformance } from "./conformance/register.ts";
export type { RunCaseOptions } from "./conformance/run-case.ts";
export { runConformanceCase } from "./conformance/run-case.ts";
