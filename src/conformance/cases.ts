import { adapterCases } from "./adapter.ts";
import { brokerAdminCases } from "./broker-admin.ts";
import { brokerClaimCases } from "./broker-claim.ts";
import { brokerConsumeCases } from "./broker-consume.ts";
import { brokerDeadLetterCases } from "./broker-dead-letters.ts";
import { brokerFencingCases } from "./broker-fencing.ts";
import { brokerInputCases } from "./broker-input.ts";
import { brokerPauseCases } from "./broker-pause.ts";
import { brokerPublishCases } from "./broker-publish.ts";
import { brokerReplayCases } from "./broker-replay.ts";
import { brokerSettleCases } from "./broker-settle.ts";
import { brokerWaitingCases } from "./broker-waiting.ts";
import type { ConformanceCase } from "./case.ts";
import { ledgerAdminCases } from "./ledger-admin.ts";
import { ledgerBatchCases } from "./ledger-batches.ts";
import { ledgerClaimCases } from "./ledger-claims.ts";
import { ledgerFinishCases } from "./ledger-finish.ts";
import { resultChordCases } from "./results-chords.ts";
import { resultExpiryCases } from "./results-expiry.ts";
import { resultGroupCases } from "./results-groups.ts";
import { resultInputCases } from "./results-input.ts";
import { resultListingCases } from "./results-listing.ts";
import { resultStatusCases } from "./results-statuses.ts";
import { resultWaitingCases } from "./results-waiting.ts";
import { SYSTEM_CASES } from "./system-cases.ts";

/** Every case that stands for itself, in the order of the contracts. */
export const LAW_CASES: readonly ConformanceCase[] = Object.freeze([
  ...brokerPublishCases,
  ...brokerClaimCases,
  ...brokerWaitingCases,
  ...brokerFencingCases,
  ...brokerSettleCases,
  ...brokerConsumeCases,
  ...brokerAdminCases,
  ...brokerDeadLetterCases,
  ...brokerReplayCases,
  ...brokerPauseCases,
  ...brokerInputCases,
  ...resultStatusCases,
  ...resultExpiryCases,
  ...resultListingCases,
  ...resultWaitingCases,
  ...resultGroupCases,
  ...resultChordCases,
  ...resultInputCases,
  ...ledgerClaimCases,
  ...ledgerFinishCases,
  ...ledgerBatchCases,
  ...ledgerAdminCases,
  ...adapterCases,
  ...SYSTEM_CASES,
]);
