import type { ConformanceCase } from "./case.ts";
import { systemBeatUniqueCases } from "./system-beat-unique.ts";
import { systemBeatCases } from "./system-beat.ts";
import { systemEncoderCases } from "./system-encoders.ts";
import { systemGroupCases } from "./system-groups.ts";
import { systemHandlerCases } from "./system-handlers.ts";
import { systemInputCases } from "./system-input.ts";
import { systemLeaseCases } from "./system-leases.ts";
import { systemLifecycleCases } from "./system-lifecycle.ts";
import { systemLimitCases } from "./system-limits.ts";
import { systemMiddlewareCases } from "./system-middleware.ts";
import { systemOptionCases } from "./system-options.ts";
import { systemQuotaCases } from "./system-quotas.ts";
import { systemRefusalCases } from "./system-refusals.ts";
import { systemRevokeCases } from "./system-revoke.ts";
import { systemTerminateCases } from "./system-terminate.ts";
import { systemRetryCases } from "./system-retries.ts";
import { systemRunningCases } from "./system-running.ts";
import { systemShutdownCases } from "./system-shutdown.ts";
import { systemTransactionCases } from "./system-transactions.ts";
import { systemUniqueTimeCases } from "./system-unique-times.ts";
import { systemUniqueCases } from "./system-unique.ts";

/** Every case of whole systems, producers and workers included, in the order of the laws. */
export const SYSTEM_CASES: readonly ConformanceCase[] = Object.freeze([
  ...systemRunningCases,
  ...systemRetryCases,
  ...systemRefusalCases,
  ...systemLimitCases,
  ...systemLeaseCases,
  ...systemHandlerCases,
  ...systemShutdownCases,
  ...systemEncoderCases,
  ...systemOptionCases,
  ...systemMiddlewareCases,
  ...systemGroupCases,
  ...systemInputCases,
  ...systemTransactionCases,
  ...systemLifecycleCases,
  ...systemQuotaCases,
  ...systemBeatCases,
  ...systemBeatUniqueCases,
  ...systemRevokeCases,
  ...systemTerminateCases,
  ...systemUniqueCases,
  ...systemUniqueTimeCases,
]);
