import { brokerClaimCases } from "./broker-claim.ts";
import { brokerPublishCases } from "./broker-publish.ts";
import { brokerWaitingCases } from "./broker-waiting.ts";
import type { ConformanceCase } from "./case.ts";

/** Every case, in the order of the contracts. */
export const CONFORMANCE_CASES: readonly ConformanceCase[] = Object.freeze([
  ...brokerPublishCases,
  ...brokerClaimCases,
  ...brokerWaitingCases,
]);
