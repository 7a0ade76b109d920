import type { Broker } from "./broker.ts";
import type { ResultBackend } from "./result-backend.ts";

/**
 * A broker and a result backend with producers and workers on them: what a caller can rely on, whatever the adapter.
 *
 * Running
 * - **Y1** A task that was enqueued on one connection is run by a worker on another, and its result is read on a third.
 * - **Y2** A worker never runs more handlers at once than its concurrency, and serves all its queues.
 * - **Y3** A failed attempt is tried again as the retry policy says, with status `retrying` and the error in between, and succeeds when it succeeds.
 * - **Y4** After the last permitted attempt a task is `failed`, in the dead letters as `retries-exhausted`, and `result()` throws
 *   `TaskFailedError` with the cause.
 * - **Y5** What cannot be run ends with its own reason and a failed status, and the worker goes on: an unregistered task, arguments that cannot
 *   be decoded or do not fit the schema, a result that cannot be encoded or stored, a handler that throws a non-Error or rejects.
 * - **Y6** An expired task is not run: it ends as `cancelled`.
 * - **Y7** The soft time limit aborts `ctx.softLimit`; the time limit aborts `ctx.signal`, fails the attempt, and frees the slot although the handler never ends.
 *
 * Leases
 * - **Y8** A handler that runs longer than its lease is run once: the lease is renewed.
 * - **Y9** When the lease is lost, `ctx.signal` aborts with `ConflictError`, the late outcome changes nothing, and the new holder's counts.
 * - **Y10** A task that was handed out too often is given up as `poison`, with a failed status.
 *
 * Handlers
 * - **Y11** Progress is stored, and seen by watchers on other connections.
 * - **Y12** Linked tasks are published together with success or final failure; children inherit the lineage and trace headers, and nothing else.
 * - **Y13** A warm shutdown lets handlers end; a soft one aborts them and puts back what does not end in time; a hard one puts back at once.
 *   What was claimed and not started goes back; no attempt is burned, nothing is lost.
 * - **Y14** Encoders apply to arguments and results on every path, per task where it says so; an unknown encoder id is a `PayloadError`, never a default.
 *
 * Calls
 * - **Y15** Options of a call win over those of its task: delay, eta, priority, queue, id, retries, limits, `ignoreResult`, result TTL, headers, meta.
 * - **Y16** Middleware wraps every enqueue and every run; events tell what happened after it was stored.
 * - **Y17** A group's members report their ends, however they end.
 * - **Y18** A call that cannot be carried out throws its typed error before anything is written.
 * - **Y19** `enqueue` with `tx` starts when the transaction commits, and leaves nothing when it rolls back.
 * - **Y20** Starting and stopping a worker in any order, any number of times, ends in one clean stop.
 *
 * Schedules
 * - **Y21** A due slot is enqueued as any call of its task: defaults, routes, encoders, middleware, trace context and status `queued` as for any other; its
 *   id follows from schedule and slot.
 * - **Y22** Slots follow from slots, not from the time of dispatch. A change of a schedule, on any connection, takes effect at once.
 * - **Y23** Of any number of Beats, with a lock store or without, each slot is dispatched by one; what a crashed one held is dispatched one lease later,
 *   and a doubled dispatch is the same task.
 * - **Y24** Slots that are late by less than the grace time all fire, in order; of those beyond it the misfire policy says which, and the history why not.
 * - **Y25** Jitter delays the task of its own slot only, expiry counts from the slot, and end, number of runs and disabling hold.
 * - **Y26** A slot that can never be enqueued is recorded as failed and holds up no other. Starting and stopping in any order ends in one clean stop,
 *   which waits for the slots in flight.
 *
 * Revocations
 * - **Y27** A revoked task that does not run yet ends as `cancelled` with reason and requester, and its group and whoever awaits it learn of it: what waits
 *   under a revoked id at once, everything else when it is claimed, also for another attempt, and after every process was started anew.
 * - **Y28** With `terminate` the `ctx.signal` of a running handler aborts with `TaskRevokedError`, whoever decided it, soon after; one that ignores it is
 *   left after the grace time, and its late result is refused. Without `terminate` what runs goes on, and its result counts.
 * - **Y29** While the revoke store cannot answer nothing that was claimed is run, and nothing is lost. It need not be the broker's.
 * - **Y30** A request to all workers reaches each of them; they tell what they run and what they aborted, and who does not answer is named.
 *
 * Unique tasks
 * - **Y31** While a unique task has not ended, a call of the same name, queue and arguments (or key) is rejected with `ConflictError`, or answered with
 *   that task, as its mode says: from any connection, under any race, and many in one call. Nothing else of a call counts.
 * - **Y32** A unique task keeps others out while it waits, runs and is tried again, also by another worker, and no longer than until its end, whatever
 *   that is. A publication that failed, a producer or a worker that died, and a task that is known to have ended block nobody.
 * - **Y33** A debounced call takes the place of the one that waits, and waits behind the one that runs. A throttled call lets no other through until its
 *   window has passed.
 * - **Y34** What a call says wins over what its task says; children and linked tasks inherit nothing of it; with `tx` the lock joins the transaction.
 *   Without a lock store, and with options that cannot be used, a unique call is refused before anything is written.
 *
 * Limits
 * - **Y35** Limits hold over all workers that count in one limiter: of a queue, a task, or each key of a task no more start in a time than the rate and
 *   burst say, and never more run at once than `maxConcurrent` says.
 * - **Y36** What a limit holds back is run when there is room. It burns no attempt, is no poison however often it is put back, and holds up nothing
 *   that is not limited.
 * - **Y37** A permit is held for as long as its handler runs, and comes back when that ends or is abandoned, however it ends; those of a worker that died
 *   run out.
 * - **Y38** While the limiter fails, limited tasks wait, or run where the worker says so, and all others run. A paused queue's tasks wait until it is
 *   resumed.
 */
export interface TaskSystem {
  /** Carries the tasks. */
  readonly broker: Broker;
  /** Keeps their statuses. */
  readonly backend: ResultBackend;
}
