import type { ResultBackend } from "../../contracts/result-backend.ts";
import type { GroupProgress } from "../../model/group.ts";
import type { TaskStatus } from "../../model/task-status.ts";
import type { ReportWrite, StatusLimits } from "../result-requests.ts";
import type { SqlDatabase } from "./database.ts";

/** What a SQL result backend gives to the ledger that joins it with a broker. */
export interface JoinSide {
  /** Where its rows are. */
  readonly database: SqlDatabase;
  /** The namespace of all its rows. */
  readonly namespace: string;
  /** What statuses are held to. */
  readonly limits: StatusLimits;
  /** Throws when the backend was closed. */
  readonly requireOpen: () => void;
  /** Reads statuses, in the order asked. */
  readonly read: (ids: readonly string[]) => Promise<readonly (TaskStatus | undefined)[]>;
  /** Counts members' ends within a transaction. Answers one progress each, in order. */
  readonly reportToGroups: (reports: readonly ReportWrite[], tx: object) => Promise<readonly (GroupProgress | undefined)[]>;
}

// Not a property of the backend: nobody but a broker of the same kind has use for it.
const sides = new WeakMap<ResultBackend, JoinSide>();

/** Makes a backend known as one that a broker on its database can join. */
export function offerJoin(backend: ResultBackend, side: JoinSide): void {
  sides.set(backend, side);
}

/** The side that a backend offers; `undefined` when it is none of the SQL ones. */
export function joinSideOf(backend: ResultBackend): JoinSide | undefined {
  return sides.get(backend);
}
