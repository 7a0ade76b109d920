import { Ticker } from "../async/ticker.ts";
import type { Broker } from "../contracts/broker.ts";
import type { RevocableTask, RevokeStore } from "../contracts/revoke-store.ts";
import { StemError, TaskRevokedError } from "../errors.ts";
import type { Delivery } from "../model/delivery.ts";
import type { StoredRevocation } from "../model/revocation.ts";
import type { Clock } from "../time/clock.ts";
import { sleep } from "../time/sleep.ts";
import { listenToControl } from "./control.ts";
import type { Ending } from "./ending.ts";
import type { Gate } from "./gate.ts";
import type { HeldTask } from "./held-task.ts";

/** What watching over revocations needs. */
export interface RevocationGuardOptions {
  /** Knows what is revoked. */
  readonly store: RevokeStore;
  /** Carries requests to look now. */
  readonly broker: Pick<Broker, "subscribe" | "broadcast">;
  /** Who answers them. */
  readonly workerId: string;
  /** Gives everything that the worker holds: waiting at a gate, ready, or running. */
  readonly held: () => readonly HeldTask[];
  /** Ends a held task: at once when it does not run yet, else by telling its handler. */
  readonly stop: (held: HeldTask, reason: TaskRevokedError) => void;
  /** Measures the time between two looks. */
  readonly clock: Clock;
  /** Hears of what failed, and of what was tried; it is tried again. */
  readonly onError: (operation: string, error: unknown) => void;
}

/** How often to look although no news came. */
const LOOK_EVERY_MS = 1_000;

/**
 * Keeps revoked tasks from running: asks once for each claim, and again for all that is held whenever the store has news, and every second.
 *
 * A claim is held before it is asked about. So each decision is found either by that question or by a later one, and none falls in between.
 */
export class RevocationGuard implements Gate {
  readonly #options: RevocationGuardOptions;
  readonly #ticker: Ticker;
  readonly #listening = new AbortController();
  #listened: Promise<unknown> = Promise.resolve();

  /** Makes a guard; it only looks on its own between `start` and `stop`. */
  constructor(options: RevocationGuardOptions) {
    this.#options = options;
    this.#ticker = new Ticker({
      name: "the look for revocations",
      intervalMs: LOOK_EVERY_MS,
      firstDelayMs: LOOK_EVERY_MS,
      clock: options.clock,
      run: () => this.look(),
      onError: (error) => this.#failed(error),
    });
  }

  /** Begins to look, and to listen. */
  start(): void {
    const { signal } = this.#listening;
    this.#ticker.start();
    this.#listened = Promise.all([this.#follow(signal), this.#answer(signal)]);
  }

  /** Ends the looking and the listening, and waits for the look under way. */
  async stop(): Promise<void> {
    this.#listening.abort();
    await Promise.all([this.#ticker.stop(), this.#listened]);
  }

  /** Bars what is revoked, whether it would be terminated or not: it does not run yet. */
  async admit(deliveries: readonly Delivery[]): Promise<readonly (Ending | undefined)[]> {
    const found = await this.#options.store.match(deliveries.map(revocable));
    return deliveries.map((delivery, at) => {
      const revocation = found[at];
      return revocation === undefined ? undefined : { kind: "cancelled", error: errorOf(delivery, revocation) };
    });
  }

  /** Asks about all that is held, and stops what is revoked. What runs is only stopped where the revocation terminates. */
  async look(): Promise<void> {
    const asked = this.#options.held().filter((held) => held.abortReason === undefined);
    if (asked.length === 0) return;
    const found = await this.#options.store.match(asked.map(({ delivery }) => revocable(delivery)));
    for (const [at, held] of asked.entries()) {
      const revocation = found[at];
      if (revocation === undefined || (held.isRunning && !revocation.terminate)) continue;
      this.#options.stop(held, errorOf(held.delivery, revocation));
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#options;
    while (!signal.aborted) {
      try {
        for await (const _news of await store.watch({ signal })) this.#ticker.wake();
        // It ends with the signal, or with the store, of which the worker learns by its claims.
        return;
      } catch (error) {
        if (signal.aborted || (StemError.is(error) && error.code === "CLOSED")) return;
        this.#failed(error);
        await sleep(LOOK_EVERY_MS, { clock, signal }).catch(() => undefined);
      }
    }
  }

  #answer(signal: AbortSignal): Promise<void> {
    const { broker, workerId, held, clock, onError } = this.#options;
    const idsOf = (tasks: readonly HeldTask[]): readonly string[] => tasks.map(({ delivery }) => delivery.envelope.id);
    return listenToControl({
      broker,
      clock,
      onError: (error) => onError("answer a request to all workers", error),
      lookForRevocations: async () => {
        await this.look();
        const running = held().filter((task) => task.isRunning);
        return {
          workerId,
          running: idsOf(running.filter((task) => task.abortReason === undefined)),
          aborted: idsOf(running.filter((task) => task.abortReason instanceof TaskRevokedError)),
        };
      },
    }, signal);
  }

  #failed(error: unknown): void {
    this.#options.onError("look for revocations", error);
  }
}

function revocable({ envelope: { id, name, enqueuedAt, headers } }: Delivery): RevocableTask {
  return { id, name, enqueuedAt, headers };
}

function errorOf({ envelope }: Delivery, { reason, requestedBy }: StoredRevocation): TaskRevokedError {
  return new TaskRevokedError(envelope.id, reason, { requestedBy });
}
