import { Wake } from "../async/wake.ts";
import type { TaskLedger } from "../contracts/task-ledger.ts";
import type { Delivery } from "../model/delivery.ts";
import type { Clock } from "../time/clock.ts";
import { nextTurn } from "../time/next-turn.ts";
import { sleep } from "../time/sleep.ts";
import type { Ending } from "./ending.ts";
import { stoppedBy } from "./ending.ts";
import type { Gate } from "./gate.ts";
import { passGates } from "./gate.ts";
import { HeldTask } from "./held-task.ts";
import type { Limits } from "./limits.ts";
import type { LeaseKeeper } from "./leases.ts";

/** What consuming needs. */
export interface ConsumerOptions {
  /** Hands out tasks. */
  readonly ledger: TaskLedger;
  /** The queues to serve. */
  readonly queues: readonly string[];
  /** Who claims. */
  readonly workerId: string;
  /** How many handlers run at once at most. */
  readonly concurrency: number;
  /** How many tasks are held ready beyond those that run; `"auto"` holds some only while handlers are short. */
  readonly prefetch: number | "auto";
  /** How long a claim lasts without renewal. */
  readonly leaseMs: number;
  /** How long an aborted handler is waited for. */
  readonly graceMs: number;
  /** Keeps the leases of what is held. */
  readonly leases: Pick<LeaseKeeper, "keep" | "drop">;
  /** Measures durations and pauses. */
  readonly clock: Clock;
  /** Decide how much is claimed of which queues. @default all queues, as much as there is room for */
  readonly limits?: Pick<Limits, "claim"> | undefined;
  /** Decide about each claim before its tasks are run. */
  readonly gates: readonly Gate[];
  /** Runs one task and writes its outcome; resolves when that is stored. Calls `onEnded` when the handler has ended. */
  readonly run: (held: HeldTask, onEnded: () => void) => Promise<void>;
  /** Writes the outcome of a task that a gate did not let through; resolves when that is stored. */
  readonly conclude: (held: HeldTask, ending: Ending) => Promise<void>;
  /** Hears of what failed, and of what the consumer was doing: claims are tried again. */
  readonly onError: (operation: string, error: unknown) => void;
}

const MAX_CLAIM = 1_000;
const WAIT_MS = 30_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
// Handlers at least this long gain nothing from tasks held ready: those are better off with an idle worker. Of shorter ones no more are held
// than begin within half of that time, and no more than a worker gets through in it when they take none.
const SHORT_HANDLER_MS = 50;
const MAX_AHEAD = 500;
// With a store in the same process everything may go on in promises alone: timers, sockets and signals get a turn this often.
const TURN_AFTER_MS = 5;

/** Claims tasks for the free slots and a few more, and runs at most `concurrency` of them at once. */
export class Consumer {
  readonly #options: ConsumerOptions;
  readonly #atGates = new Set<HeldTask>();
  // Kept back by a gate, which lets them through one by one: it may be that before it is known here that they wait.
  readonly #standby = new Map<Delivery, HeldTask>();
  readonly #letThrough = new Set<Delivery>();
  readonly #buffer: HeldTask[] = [];
  readonly #running = new Set<HeldTask>();
  readonly #settling = new Set<HeldTask>();
  readonly #settlingIds = new Set<string>();
  readonly #changed = new Wake();
  #meanMs = SHORT_HANDLER_MS;
  #paused = false;

  /** Makes a consumer that holds nothing yet. */
  constructor(options: ConsumerOptions) {
    this.#options = options;
  }

  /** What runs now. */
  get running(): ReadonlySet<HeldTask> {
    return this.#running;
  }

  /** All that it holds and has no end yet: at the gates, waiting there to be let through, ready, and running. */
  get held(): readonly HeldTask[] {
    return [...this.#atGates, ...this.#standby.values(), ...this.#buffer, ...this.#running];
  }

  /** Claims and runs until the signal aborts; resolves when no claim is under way any more. Running tasks go on. */
  async consume(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let pauseMs = FIRST_PAUSE_MS;
    let turnAtMs = clock.monotonic() + TURN_AFTER_MS;
    while (!signal.aborted) {
      const ticket = this.#changed.ticket();
      const limit = this.#wanted();
      try {
        if (limit < 1) {
          await this.#changed.after(ticket, { signal });
          continue;
        }
        const tasks = this.#hold(await this.#claim(limit, signal));
        await this.#untilTold(tasks);
        // Without gates there is nothing to wait for.
        if (this.#options.gates.length === 0) this.#accept(tasks);
        else this.#accept(await this.#pass(tasks, signal));
        this.#atGates.clear();
        pauseMs = FIRST_PAUSE_MS;
        if (clock.monotonic() < turnAtMs) continue;
        await nextTurn();
        turnAtMs = clock.monotonic() + TURN_AFTER_MS;
      } catch (error) {
        if (signal.aborted) break;
        this.#options.onError("claim tasks", error);
        await this.#pause(pauseMs, signal);
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      }
    }
  }

  /** Starts no more tasks; what is claimed from now on is only kept. */
  pause(): void {
    this.#paused = true;
  }

  /** How many more tasks would start at once. */
  get room(): number {
    return this.#paused ? 0 : Math.max(0, this.#options.concurrency - this.#running.size - this.#buffer.length);
  }

  /** Runs a task that a gate kept back, as soon as there is a free slot. */
  letThrough(delivery: Delivery): void {
    const held = this.#standby.get(delivery);
    if (held === undefined) return void this.#letThrough.add(delivery);
    this.#standby.delete(delivery);
    this.#accept([held]);
  }

  /** Gives a task that a gate kept back to other workers. Does nothing as long as it is not known here that it waits. */
  putBack(delivery: Delivery): void {
    const held = this.#standby.get(delivery);
    if (held === undefined) return;
    this.#standby.delete(delivery);
    void this.#conclude(held, { kind: "put-back", delayMs: 0 });
  }

  /** Ends a held task for a reason of its own: what is ready or waits at once; what runs is told, and what is at the gates is not run. */
  stop(held: HeldTask, reason: Error): void {
    const at = this.#buffer.indexOf(held);
    if (at >= 0) this.#buffer.splice(at, 1);
    else if (!this.#standby.delete(held.delivery)) return held.abort(reason);
    void this.#conclude(held, { kind: "cancelled", error: reason });
  }

  /** Takes over what was claimed and not started, still leased. */
  takeBuffered(): readonly HeldTask[] {
    const waiting = [...this.#standby.values()];
    this.#standby.clear();
    return [...this.#buffer.splice(0), ...waiting];
  }

  /** Waits until nothing runs and every outcome is written. */
  async idle(): Promise<void> {
    for (;;) {
      const ticket = this.#changed.ticket();
      if (this.#running.size === 0 && this.#settling.size === 0) return;
      await this.#changed.after(ticket);
    }
  }

  #claim(limit: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    const { ledger, limits, queues, workerId: consumer, leaseMs } = this.#options;
    if (limits === undefined) return ledger.claim({ queues, consumer, limit, leaseMs, waitMs: WAIT_MS, signal });
    return limits.claim(limit, signal, (look, until) => ledger.claim({ ...look, consumer, leaseMs, signal: until }));
  }

  #hold(deliveries: readonly Delivery[]): readonly HeldTask[] {
    const { clock, graceMs, leases } = this.#options;
    const tasks = deliveries.map((delivery) => new HeldTask(delivery, clock, graceMs));
    leases.keep(tasks);
    return tasks;
  }

  /** Answers those that may be run; the others end or wait as the gates say. */
  async #pass(tasks: readonly HeldTask[], signal: AbortSignal): Promise<readonly HeldTask[]> {
    const { gates, clock, onError } = this.#options;
    for (const held of tasks) this.#atGates.add(held);
    const endings = await passGates(tasks, { gates, clock, signal, onError: (error) => onError("ask the gates", error) });
    if (endings.size === 0) return tasks;
    return tasks.filter((held) => {
      const ending = endings.get(held);
      const isLetThrough = this.#letThrough.delete(held.delivery);
      // One that was told to stop meanwhile waits for nothing.
      if (ending === undefined || (ending.kind === "standby" && (isLetThrough || held.abortReason !== undefined))) return true;
      if (ending.kind === "standby") this.#standby.set(held.delivery, held);
      else void this.#conclude(held, ending);
      return false;
    });
  }

  #accept(tasks: readonly HeldTask[]): void {
    for (const held of tasks) {
      // One that was told to stop while it was at the gates waits for no slot.
      if (held.abortReason === undefined) this.#buffer.push(held);
      else void this.#conclude(held, stoppedBy(held.abortReason));
    }
    this.#startNext();
  }

  #startNext(): void {
    while (!this.#paused && this.#running.size < this.#options.concurrency) {
      const held = this.#buffer.shift();
      if (held === undefined) return;
      this.#running.add(held);
      void this.#run(held);
    }
  }

  async #run(held: HeldTask): Promise<void> {
    const onEnded = (): void => {
      if (!this.#running.delete(held)) return;
      this.#settle(held);
      if (held.durationMs !== undefined) this.#meanMs += (held.durationMs - this.#meanMs) / 16;
      this.#startNext();
      this.#changed.notify();
    };
    try {
      await this.#options.run(held, onEnded);
    } catch (error) {
      this.#options.onError("run a task", error);
    } finally {
      onEnded();
      this.#letGo(held);
    }
  }

  async #conclude(held: HeldTask, ending: Ending): Promise<void> {
    this.#settle(held);
    try {
      await this.#options.conclude(held, ending);
    } catch (error) {
      this.#options.onError("end a task", error);
    } finally {
      this.#letGo(held);
    }
  }

  #settle(held: HeldTask): void {
    this.#settling.add(held);
    this.#settlingIds.add(held.delivery.envelope.id);
  }

  /** A store may hand a task on before it has answered who settled it: what became of the last attempt is told before the next one starts. */
  async #untilTold(tasks: readonly HeldTask[]): Promise<void> {
    while (tasks.some(({ delivery }) => this.#settlingIds.has(delivery.envelope.id))) await this.#changed.after(this.#changed.ticket());
  }

  #letGo(held: HeldTask): void {
    this.#options.leases.drop(held);
    this.#settling.delete(held);
    this.#settlingIds.delete(held.delivery.envelope.id);
    this.#changed.notify();
  }

  #wanted(): number {
    const { concurrency } = this.#options;
    const ahead = this.#ahead();
    // Outcomes that wait to be written are work too: a store that is away must not let them pile up.
    if (this.#settling.size > 4 * (concurrency + ahead) + 100) return 0;
    const free = concurrency - this.#running.size - this.#buffer.length;
    // While enough is held ready, wait for more room: many small claims cost more than one large one.
    if (free <= 0 && -free * 2 > ahead) return 0;
    return Math.min(MAX_CLAIM, free + ahead);
  }

  #ahead(): number {
    const { prefetch, concurrency } = this.#options;
    if (prefetch !== "auto") return prefetch;
    const ahead = Math.ceil(concurrency * (SHORT_HANDLER_MS / this.#meanMs - 1) / 2);
    return Math.max(0, Math.min(MAX_AHEAD, ahead));
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await sleep(ms, { clock: this.#options.clock, signal });
    } catch {
      // Aborted: the loop sees it.
    }
  }
}
