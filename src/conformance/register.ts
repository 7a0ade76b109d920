import type { ConformanceCase } from "./case.ts";
import type { ConformanceHarness } from "./harness.ts";
import { DEFAULT_CASE_TIMEOUT_MS, runConformanceCase } from "./run-case.ts";

/** A function that registers a test, as `test` of `node:test` does; Deno and Bun have it too. */
export type RegisterTest = (title: string, options: { readonly timeout: number }, run: () => Promise<void>) => unknown;

/** How cases are registered. */
export interface ConformanceOptions {
  /** The runner's `test`. */
  readonly test: RegisterTest;
  /** Which cases. @default all of them */
  readonly cases?: readonly ConformanceCase[];
}

/** Registers cases for one adapter, and one test more at the end that cleans up. Returns how many cases there were. */
export function registerCases(harness: ConformanceHarness, { test, cases }: Required<ConformanceOptions>): number {
  for (const conformanceCase of cases) {
    const timeout = conformanceCase.timeoutMs ?? DEFAULT_CASE_TIMEOUT_MS;
    test(`${harness.name}: ${conformanceCase.title}`, { timeout }, () => runConformanceCase(harness, conformanceCase));
  }
  test(`${harness.name}: cleans up`, { timeout: DEFAULT_CASE_TIMEOUT_MS }, () => harness.cleanup());
  return cases.length;
}
