import type { Adapter } from "../contracts/adapter.ts";
import type { Broker } from "../contracts/broker.ts";
import type { LockStore } from "../contracts/lock-store.ts";
import type { RateLimiter } from "../contracts/rate-limiter.ts";
import type { ResultBackend } from "../contracts/result-backend.ts";
import type { RevokeStore } from "../contracts/revoke-store.ts";
import type { ScheduleStore } from "../contracts/schedule-store.ts";
import type { WorkflowStore } from "../contracts/workflow-store.ts";
import type { ConnectOptions } from "./connect.ts";
import { connect } from "./connect.ts";

/** Which store lives elsewhere than the rest: its own URL. */
export interface StackOverrides {
  /** The broker's URL. */
  readonly broker?: string;
  /** The result backend's URL. */
  readonly backend?: string;
  /** The schedule store's URL. */
  readonly schedules?: string;
  /** The lock store's URL. */
  readonly locks?: string;
  /** The revoke store's URL. @default the result backend's */
  readonly revocations?: string;
  /** The workflow store's URL. */
  readonly workflows?: string;
}

/** How {@link StemStack.fromUrl} connects. */
export interface StackOptions extends ConnectOptions {
  /** Stores that live elsewhere. @default none: all of them at the one URL */
  readonly overrides?: StackOverrides;
}

/**
 * All stores of a system, by URL. Stores of one URL share one connection.
 *
 * @example
 * ```ts
 * import { StemStack } from "@stem/stem";
 *
 * const stack = await StemStack.fromUrl("memory:");
 * console.log(stack.broker !== undefined); // true
 * await stack.close();
 * ```
 */
export class StemStack {
  /** Carries the tasks. */
  readonly broker: Broker;
  /** Keeps their statuses. */
  readonly results: ResultBackend;
  /** Keeps schedules. */
  readonly schedules: ScheduleStore;
  /** Keeps locks. */
  readonly locks: LockStore;
  /** Keeps revocations. */
  readonly revocations: RevokeStore;
  /** Keeps workflow runs; absent where the chosen store has none. */
  readonly workflows: WorkflowStore | undefined;
  /** Limits rates and numbers. */
  readonly limiter: RateLimiter;
  readonly #adapters: readonly Adapter[];

  private constructor(adapters: ReadonlyMap<string, Adapter>, url: string, overrides: StackOverrides) {
    const at = (override: string | undefined): Adapter => {
      const adapter = adapters.get(override ?? url);
      // Every URL that can be asked for was connected before.
      if (adapter === undefined) throw new TypeError("unreachable");
      return adapter;
    };
    this.broker = at(overrides.broker).broker;
    this.results = at(overrides.backend).results;
    this.schedules = at(overrides.schedules).schedules;
    this.locks = at(overrides.locks).locks;
    this.revocations = at(overrides.revocations ?? overrides.backend).revocations;
    this.workflows = at(overrides.workflows).workflows;
    this.limiter = at(undefined).limiter;
    this.#adapters = [...adapters.values()];
  }

  /**
   * Connects to every store. SQL databases are migrated on the way, as `migrate` says.
   *
   * @throws {ConfigError} for a URL that cannot be used, or a driver that is not installed.
   * @throws {StoreError} when a store cannot be reached within its deadline; what was connected is closed again.
   * @throws {MigrationError} when a database does not fit this version of the library.
   */
  static async fromUrl(url: string, options: StackOptions = {}): Promise<StemStack> {
    const { overrides = {}, ...connectOptions } = options;
    const urls = new Set([url, ...Object.values<string | undefined>({ ...overrides }).filter((override) => override !== undefined)]);
    const settled = await Promise.allSettled([...urls].map(async (each) => [each, await connect(each, connectOptions)] as const));
    const adapters = new Map(settled.filter((each) => each.status === "fulfilled").map((each) => each.value));
    const failure = settled.find((each) => each.status === "rejected");
    if (failure !== undefined) {
      // The failure to connect is what the caller can act on; one to close again after it is not.
      await Promise.allSettled([...adapters.values()].map((adapter) => adapter.close()));
      throw failure.reason;
    }
    return new StemStack(adapters, url, overrides);
  }

  /** A stack of one adapter that is connected already; closing the stack closes it. */
  static fromAdapter(adapter: Adapter): StemStack {
    return new StemStack(new Map([["", adapter]]), "", {});
  }

  /** Closes every store. Calling it again does nothing. */
  close(): Promise<void> {
    return closeAll(this.#adapters);
  }

  /** The same as {@link StemStack.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function closeAll(adapters: readonly Adapter[]): Promise<void> {
  const settled = await Promise.allSettled(adapters.map((adapter) => adapter.close()));
  const failure = settled.find((each) => each.status === "rejected");
  if (failure !== undefined) throw failure.reason;
}
