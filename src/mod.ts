/**
 * Background tasks whose every piece of state lives in a store chosen by URL.
 *
 * @module
 */

// Tasks
export { task } from "./tasks/task.ts";
export type { AnyTask, Task, TaskDefinition, TaskMetadata, ValidatedTaskDefinition } from "./tasks/task.ts";
export type { CallParameters, LinkedCall, NamedCall, TaskCall } from "./tasks/task-call.ts";
export type { TaskContext } from "./tasks/context.ts";
export type { TaskDefaults } from "./tasks/task-options.ts";
export type { UniqueKey, UniqueMode, UniqueOption, UniqueOptions } from "./tasks/unique.ts";
export type { CountedBy, QueueLimits, RateRule, TaskLimits } from "./tasks/task-limits.ts";
export type { Middleware } from "./tasks/middleware.ts";
export { TaskRegistry } from "./tasks/registry.ts";
export { RejectSignal, RetrySignal } from "./tasks/signals.ts";
export type { RetryOptions } from "./tasks/signals.ts";

// Producing
export { Stem } from "./producer/stem.ts";
export type { EnqueueOptions, EnqueueParameters, RevokeTargets, StemOptions } from "./producer/stem.ts";
export type { RevokeOptions, RevokeOutcome } from "./producer/revoking.ts";
export type { AnnounceOptions, HeardRevocations } from "./producer/announce-revocations.ts";
export type { RevocationAnswer } from "./model/control.ts";
export { TaskHandle } from "./producer/task-handle.ts";
export type { HandleSources } from "./producer/task-handle.ts";
export type { Lineage } from "./producer/envelope-builder.ts";
export type { Routes } from "./producer/routing.ts";

// Working
export { Worker } from "./worker/worker.ts";
export type { ShutdownOptions, WorkerLimits, WorkerOptions, WorkerTuning } from "./worker/worker-options.ts";
export type { WorkerEvent, WorkerListener } from "./worker/events.ts";

// Scheduling
export { Beat } from "./beat/beat.ts";
export type { BeatOptions, BeatTuning } from "./beat/beat-options.ts";
export type { BeatEvent, BeatListener } from "./beat/events.ts";

// Whole systems
export { StemApp } from "./app/stem-app.ts";
export type { AppFromUrlOptions, AppOptions } from "./app/stem-app.ts";
export { shutdownOnSignals } from "./app/process-signals.ts";
export type { SignalOptions, Stoppable } from "./app/process-signals.ts";
export { StemStack } from "./app/stack.ts";
export type { StackOptions, StackOverrides } from "./app/stack.ts";
export type { ConnectOptions } from "./app/connect.ts";
export { stackSettings } from "./app/config.ts";
export type { Environment, StackSettings } from "./app/config.ts";

// Mutual exclusion
export { withLock } from "./locks/with-lock.ts";
export type { WithLockOptions } from "./locks/with-lock.ts";

// Payload encoders
export { TaskPayloadEncoder } from "./encoding/payload-encoder.ts";
export { JsonTaskPayloadEncoder } from "./encoding/json.ts";
export { Base64PayloadEncoder } from "./encoding/base64.ts";
export { GzipPayloadEncoder } from "./encoding/gzip.ts";
export type { GzipPayloadEncoderOptions } from "./encoding/gzip.ts";
export { EncryptedPayloadEncoder } from "./encoding/encrypted.ts";
export type { EncryptedPayloadEncoderOptions, EncryptionKey, WebCryptoKey } from "./encoding/encrypted.ts";
export { EncoderRegistry } from "./encoding/registry.ts";
export type { EncodedPayload, EncoderOverrides, EncoderRegistryOptions } from "./encoding/registry.ts";

// The memory stores
export * from "./memory.ts";

// Envelopes, deliveries, statuses, groups
export { envelope } from "./model/envelope.ts";
export type { Envelope, EnvelopeInput, EnvelopeOptions, UniqueClaim } from "./model/envelope.ts";
export { DEAD_LETTER_REASONS } from "./model/delivery.ts";
export type { DeadLetter, Delivery, Settlement, SettleRequest } from "./model/delivery.ts";
export { isTerminal, STATE_RANK, supersedes, TASK_STATES, TASK_TRANSITIONS } from "./model/task-state.ts";
export type { StatusOrder, TaskState, TerminalState } from "./model/task-state.ts";
export type { StatusFilter, StatusPage, TaskStatus } from "./model/task-status.ts";
export type { TaskFailure } from "./model/task-failure.ts";
export type { ChordClaim, Group, GroupInput, GroupProgress, GroupReport, GroupResult } from "./model/group.ts";
export type { Heartbeat, StoredHeartbeat } from "./model/heartbeat.ts";
export type { Page, PageRequest } from "./model/page.ts";

// Schedules, revocations, workflow runs: what the contracts of the stores to come speak of
export type {
  MisfirePolicy,
  ScheduleClaim,
  ScheduledTask,
  ScheduleEntry,
  ScheduleInput,
  ScheduleOutcome,
  ScheduleRun,
  ScheduleSpec,
} from "./model/schedule.ts";
export type { Revocation, RevocationKey, RevocationTarget, StoredRevocation } from "./model/revocation.ts";
export type { Checkpoint, ExecutionClaim, Suspension, WorkflowEvent, WorkflowRun, WorkflowRunState } from "./model/workflow-run.ts";

// Contracts
export type { Adapter, AdapterSupport } from "./contracts/adapter.ts";
export type {
  Broadcast,
  Broker,
  ClaimOptions,
  ConsumeOptions,
  DeadLetterFilter,
  DeadLetters,
  PausedQueue,
  PauseOptions,
  QueueCounts,
  ReplayOptions,
} from "./contracts/broker.ts";
export type { AcquireOptions, Lock, LockHandle, LockRequest, LockStore, StoredLock } from "./contracts/lock-store.ts";
export type { Permit, PermitDecision, PermitRequest, RateDecision, RateLimit, RateLimiter } from "./contracts/rate-limiter.ts";
export type { ResultBackend, StatusFields, StatusUpdate, WaitOptions } from "./contracts/result-backend.ts";
export type { RevocableTask, RevokeStore } from "./contracts/revoke-store.ts";
export type { ClaimDueOptions, ScheduleStore, SlotCompletion } from "./contracts/schedule-store.ts";
export type { WorkflowEnding, WorkflowRunInput, WorkflowStore } from "./contracts/workflow-store.ts";
export type { Store, WriteOptions } from "./contracts/store.ts";
export type { CancelOptions, CancelOutcome, Completion, CompletionOutcome, CompletionStatus, TaskLedger } from "./contracts/task-ledger.ts";
export type { TaskSystem } from "./contracts/system.ts";
export type { LogFields, Logger } from "./contracts/logger.ts";

// Time
export type { Clock } from "./time/clock.ts";
export { systemClock } from "./time/clock.ts";
export { ManualClock } from "./time/manual-clock.ts";
export type { ManualClockOptions } from "./time/manual-clock.ts";
export type { Duration } from "./time/duration.ts";
export type { Backoff, Jitter, RetryPolicy } from "./time/backoff.ts";
export type { Random } from "./time/random.ts";
export type { MaybePromise } from "./async/maybe-promise.ts";
export type { ServiceState } from "./async/service.ts";

// Errors
export {
  ClosedError,
  ConfigError,
  ConflictError,
  MigrationError,
  PayloadError,
  StemError,
  StoreError,
  TaskFailedError,
  TaskRevokedError,
  TimeoutError,
  UnknownTaskError,
  UnsupportedError,
} from "./errors.ts";
export type { StemErrorCode, StemErrorOptions, StoreErrorOptions, TaskRevokedErrorOptions } from "./errors.ts";
