import type { ConformanceCase } from "./case.ts";
import type { ConformanceHarness } from "./harness.ts";
import { CONFORMANCE_CASES } from "./cases.ts";
import { DEFAULT_CASE_TIMEOUT_MS, runConformanceCase } from "./run-case.ts";

/** A function that registers a test, as `test` of `node:test` does; Deno and Bun have it too. */
export type RegisterTest = (title: string, options: { readonly timeout: number }, run: () => Promise<void>) => unknown;

/** How {@link registerConformance} registers. */
export interface ConformanceOptions {
  /** The runner's `test`. */
  readonly test: RegisterTest;
  /** Which cases. @default all of them */
  readonly cases?: readonly ConformanceCase[];
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
 * import { registerConformance } from "@stem/stem/conformance";
 * import { connectMine } from "./my-adapter.ts";
 *
 * registerConformance({ name: "mine", connect: (options) => connectMine(options), cleanup: async () => {} }, { test });
 * ```
 */
export function registerConformance(harness: ConformanceHarness, options: ConformanceOptions): number {
  const cases = options.cases ?? CONFORMANCE_CASES;
  for (const conformanceCase of cases) {
    const timeout = conformanceCase.timeoutMs ?? DEFAULT_CASE_TIMEOUT_MS;
    options.test(`${harness.name}: ${conformanceCase.title}`, { timeout }, () => runConformanceCase(harness, conformanceCase));
  }
  options.test(`${harness.name}: cleans up`, { timeout: DEFAULT_CASE_TIMEOUT_MS }, () => harness.cleanup());
  return cases.length;
}
