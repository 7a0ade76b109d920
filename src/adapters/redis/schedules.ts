import type { Logger } from "../../contracts/logger.ts";
import type { ClaimDueOptions } from "../../contracts/schedule-store.ts";
import type { TaskLedger } from "../../contracts/task-ledger.ts";
import { validateId } from "../../model/id.ts";
import type { ScheduleClaim, ScheduleEntry, ScheduleRun } from "../../model/schedule.ts";
import type { ScheduleWrite } from "../../model/schedule-change.ts";
import { writtenEntry } from "../../model/schedule-change.ts";
import type { Clock } from "../../time/clock.ts";
import type { Duration } from "../../time/duration.ts";
import { toEnqueueItem } from "../ledger-requests.ts";
import type { ClaimRef, CompleteItem } from "../schedule-requests.ts";
import { SchedulesSurface } from "../schedules-surface.ts";
import { holding } from "../database-hold.ts";
import type { RedisHold } from "./database.ts";
import { channelOf } from "./keys.ts";
import { taskArguments } from "./ledger.ts";
import { ledgerSideOf } from "./ledger-side.ts";
import type { LedgerSide } from "./ledger-side.ts";
import type { Argument } from "./link.ts";
import { listOf, numberOf, optionalTextOf, textsOf } from "./reply.ts";
import {
  CLAIM_DUE,
  COMPLETE_SLOTS,
  CURRENT_SLOTS,
  LIST_RUNS,
  LIST_SCHEDULES,
  NEXT_DUE,
  READ_SCHEDULE,
  RELEASE_SLOTS,
  REMOVE_SCHEDULE,
  SWEEP_HISTORY,
  WRITE_SCHEDULE,
} from "./schedule-scripts.ts";
import type { Script } from "./script.ts";
import { knownSchedule, scheduleArguments, scheduleRun } from "./stored-schedule.ts";
import type { RedisOpenOptions, RedisUse } from "./open.ts";
import { openRedis, useRedis } from "./open.ts";

/** Options of {@link RedisScheduleStore}. */
export interface RedisScheduleStoreOptions {
  /** Keeps systems on one database apart. @default "stem" */
  readonly namespace?: string | undefined;
  /** Judges all times instead of the server's clock: for tests. @default the server's clock */
  readonly clock?: Clock | undefined;
  /** Where the store reports what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger | undefined;
  /** How many slots of the past are kept of each schedule. @default 100 */
  readonly historyCount?: number | undefined;
  /** How long a slot of the past is kept. @default "30d" */
  readonly historyAge?: Duration | undefined;
}

/** A schedule store on Redis or Valkey, see `schedule-scripts.ts`. */
export class RedisScheduleStore extends SchedulesSurface {
  /** The namespace of all its keys. */
  readonly namespace: string;
  readonly #hold: RedisHold;

  /** Connects to a server, see {@link RedisStreamsBroker.connect}. */
  static async connect(url: string, options: RedisOpenOptions & RedisScheduleStoreOptions = {}): Promise<RedisScheduleStore> {
    return holding(await openRedis(url, options), 1, (hold) => new RedisScheduleStore(hold, options));
  }

  /** Works on the server of the caller's own ioredis client, with connections of its own; the client stays the caller's to close. */
  static async fromClient(client: object, options: RedisUse & RedisScheduleStoreOptions = {}): Promise<RedisScheduleStore> {
    return holding(await useRedis(client, options), 1, (hold) => new RedisScheduleStore(hold, options));
  }

  /** Made by the adapter's entry points. Closing it releases the hold. */
  constructor(hold: RedisHold, options: RedisScheduleStoreOptions = {}) {
    super({ ...options, what: `the ${hold.database.adapter} schedule store`, transactions: false });
    this.#hold = hold;
    this.namespace = validateId(options.namespace ?? "stem", "a namespace");
  }

  // What an entry becomes is decided here, since slots are no matter for a script. Who was overtaken in between reads again.
  protected override async writeEntry(write: ScheduleWrite): Promise<ScheduleEntry> {
    const { id } = write.owned;
    for (;;) {
      const [now, found] = listOf(await this.#run(READ_SCHEDULE, [id]));
      const value = optionalTextOf(found);
      const known = value === undefined ? undefined : knownSchedule(value);
      const entry = writtenEntry(write, known, numberOf(now));
      if (entry === known?.entry) return entry;
      const written = await this.#run(WRITE_SCHEDULE, [id, value ?? "", ...scheduleArguments(entry, known?.lastSlotAt)]);
      if (numberOf(written) === 1) return entry;
    }
  }

  protected override async readEntry(id: string): Promise<ScheduleEntry | undefined> {
    const value = optionalTextOf(listOf(await this.#run(READ_SCHEDULE, [id]))[1]);
    return value === undefined ? undefined : knownSchedule(value).entry;
  }

  protected override async listEntries(limit: number, after: string): Promise<readonly ScheduleEntry[]> {
    return textsOf(await this.#run(LIST_SCHEDULES, [after, limit])).map((value) => knownSchedule(value).entry);
  }

  protected override async removeEntry(id: string): Promise<boolean> {
    return numberOf(await this.#run(REMOVE_SCHEDULE, [id])) === 1;
  }

  protected override async claimSlots({ limit, owner, leaseMs }: ClaimDueOptions): Promise<readonly ScheduleClaim[]> {
    const [time, ...values] = textsOf(await this.#run(CLAIM_DUE, [limit, leaseMs]));
    const claimedAt = Number(time);
    const claims: ScheduleClaim[] = [];
    for (let at = 0; at < values.length; at += 3) {
      const { entry } = knownSchedule(values[at + 2] ?? "");
      const slot = numberOf(entry.nextRunAt);
      claims.push({ entry, slot, token: numberOf(values[at + 1]), owner, claimedAt, leaseExpiresAt: claimedAt + leaseMs });
    }
    return claims;
  }

  protected override async releaseSlots(refs: readonly ClaimRef[]): Promise<readonly boolean[]> {
    return toBooleans(await this.#run(RELEASE_SLOTS, refs.flatMap(refArguments)));
  }

  protected override async areCurrent(refs: readonly ClaimRef[]): Promise<readonly boolean[]> {
    return toBooleans(await this.#run(CURRENT_SLOTS, refs.flatMap(refArguments)));
  }

  protected override completeSlots(items: readonly CompleteItem[]): Promise<readonly boolean[]> {
    return this.#complete(items.map((item) => [...completeArguments(item), 0]));
  }

  protected override completeWith(ledger: TaskLedger, items: readonly CompleteItem[]): Promise<readonly boolean[]> | undefined {
    const side = ledgerSideOf(ledger);
    if (side === undefined || side.database !== this.#hold.database || side.namespace !== this.namespace) return undefined;
    return this.#completeWith(side, items);
  }

  protected override async sweepHistory(limit: number): Promise<number> {
    return numberOf(await this.#run(SWEEP_HISTORY, [this.limits.ageMs, limit]));
  }

  protected override async listRuns(id: string, limit: number, before: number): Promise<readonly ScheduleRun[]> {
    return textsOf(await this.#run(LIST_RUNS, [id, before, limit])).map((value) => scheduleRun(id, value));
  }

  protected override async dueIn(): Promise<number | undefined> {
    const inMs = await this.#run(NEXT_DUE, []);
    return inMs === null ? undefined : numberOf(inMs);
  }

  protected override listen(onChange: () => void): Promise<() => void> {
    return this.#hold.database.signals.listen([channelOf(this.namespace, "c")], onChange);
  }

  protected override disconnect(): Promise<void> {
    return this.#hold.release();
  }

  // What cannot be enqueued throws before anything is sent.
  async #completeWith({ limits, requireOpen }: LedgerSide, items: readonly CompleteItem[]): Promise<readonly boolean[]> {
    requireOpen();
    return await this.#complete(items.map((item) => {
      const tasks = item.envelopes.map((envelope) => taskArguments(toEnqueueItem(envelope, limits)));
      return [...completeArguments(item), tasks.length, ...tasks.flat()];
    }));
  }

  async #complete(items: readonly (readonly Argument[])[]): Promise<readonly boolean[]> {
    return toBooleans(await this.#run(COMPLETE_SLOTS, [this.limits.count, ...items.flat()]));
  }

  #run(what: Script, args: readonly Argument[]): Promise<unknown> {
    return this.#hold.database.run(what, this.namespace, args);
  }
}

function refArguments({ id, token, slot }: ClaimRef): readonly Argument[] {
  return [id, token, slot];
}

function completeArguments({ id, token, slot, kind, nextRunAt, taskId = "", message = "" }: CompleteItem): readonly Argument[] {
  return [id, token, slot, kind, nextRunAt ?? "", taskId, message];
}

function toBooleans(reply: unknown): readonly boolean[] {
  return listOf(reply).map((value) => numberOf(value) === 1);
}
