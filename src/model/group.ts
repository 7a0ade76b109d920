import type { Envelope } from "./envelope.ts";
import type { TaskFailure } from "./task-failure.ts";
import type { TerminalState } from "./task-state.ts";

/** A set of tasks whose ends are counted together. */
export interface GroupInput {
  /** The group's id. */
  readonly id: string;
  /** The members in submission order: at least one, no id twice. */
  readonly taskIds: readonly string[];
  /** JSON values kept with the group. */
  readonly meta?: Readonly<Record<string, unknown>>;
  /** The task that follows when every member has ended (a chord); its arguments are filled in by whoever claims the chord. */
  readonly callback?: Envelope;
  /**
   * How long the group is kept, in milliseconds. A given time also counts, from its making, while members have not ended;
   * without one an unfinished group is kept, and a completed one for the backend's default from its completion.
   */
  readonly ttlMs?: number;
}

/** How one member ended. */
export interface GroupResult {
  /** The member. */
  readonly taskId: string;
  /** How it ended. */
  readonly state: TerminalState;
  /** Its encoded result (a JSON value). */
  readonly payload?: unknown;
  /** The encoder of the payload. */
  readonly encoder?: string;
  /** Why it failed. */
  readonly error?: TaskFailure;
}

/** A report of one member's end to its group. */
export interface GroupReport extends GroupResult {
  /** The group it belongs to. */
  readonly groupId: string;
}

/** How far a group has come: counts only, never its results. */
export interface GroupProgress {
  /** The group's id. */
  readonly groupId: string;
  /** How many members it has. */
  readonly total: number;
  /** How many of them have ended, failed and cancelled ones included. */
  readonly ended: number;
  /** How many of them failed or were cancelled. */
  readonly failed: number;
  /**
   * True for the one report that ended the last member. Whose answer got lost on the way learns of the completion from `getGroup`
   * or `dueChords`: the report is not told again.
   */
  readonly completedNow: boolean;
}

/** A group as the store keeps it. */
export interface Group {
  /** The group's id. */
  readonly id: string;
  /** How many members it has. */
  readonly total: number;
  /** How many of them have ended. */
  readonly ended: number;
  /** How many of them failed or were cancelled. */
  readonly failed: number;
  /** JSON values kept with the group. */
  readonly meta: Readonly<Record<string, unknown>>;
  /** The task that follows when all have ended. */
  readonly callback?: Envelope;
  /** When the group was made, by the store's clock. */
  readonly createdAt: number;
  /** When its last member ended; absent until then. */
  readonly completedAt?: number;
  /** When the callback was dispatched; absent until then, or when there is none. */
  readonly dispatchedAt?: number;
  /** When the store forgets the group; absent while it is unfinished and no time was given. */
  readonly expiresAt?: number;
  /** The members' results in submission order; `undefined` where a member has not ended. */
  readonly results: readonly (GroupResult | undefined)[];
}

/** The right to dispatch the callback of a completed group, for the time of a lease. */
export interface ChordClaim {
  /** The group with all results. */
  readonly group: Group;
  /** Who claimed it. */
  readonly owner: string;
  /** The fencing token that `completeChord` asks for. */
  readonly token: number;
  /** When another process may claim the chord again, by the store's clock. */
  readonly leaseExpiresAt: number;
}
