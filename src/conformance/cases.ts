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
import { lockTransactionCases } from "./locks-transactions.ts";
import { lockWaitingCases } from "./locks-waiting.ts";
import { lockCases } from "./locks.ts";
import { limiterInputCases } from "./limiter-input.ts";
import { limiterPermitCases } from "./limiter-permits.ts";
import { limiterRateCases } from "./limiter-rates.ts";
import { resultChordCases } from "./results-chords.ts";
import { resultExpiryCases } from "./results-expiry.ts";
import { resultGroupCases } from "./results-groups.ts";
import { resultInputCases } from "./results-input.ts";
import { resultListingCases } from "./results-listing.ts";
import { resultStatusCases } from "./results-statuses.ts";
import { resultWaitingCases } from "./results-waiting.ts";
import { scheduleChangeCases } from "./schedules-changes.ts";
import { scheduleClaimCases } from "./schedules-claims.ts";
import { scheduleCompletionCases } from "./schedules-completion.ts";
import { scheduleEntryCases } from "./schedules-entries.ts";
import { scheduleHistoryCases } from "./schedules-history.ts";
import { scheduleInputCases } from "./schedules-input.ts";
import { schedulePublishingCases } from "./schedules-publishing.ts";
import { scheduleWaitingCases } from "./schedules-waiting.ts";
import { revocationCases } from "./revocations.ts";
import { revocationWatchingCases } from "./revocations-watching.ts";
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
  ...lockCases,
  ...lockWaitingCases,
  ...lockTransactionCases,
  ...limiterRateCases,
  ...limiterPermitCases,
  ...limiterInputCases,
  ...scheduleEntryCases,
  ...scheduleClaimCases,
  ...scheduleCompletionCases,
  ...scheduleChangeCases,
  ...schedulePublishingCases,
  ...scheduleHistoryCases,
  ...scheduleWaitingCases,
  ...scheduleInputCases,
  ...revocationCases,
  ...revocationWatchingCases,
  ...adapterCases,
  ...SYSTEM_CASES,
]);
