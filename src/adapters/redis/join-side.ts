import type { ResultBackend } from "../../contracts/result-backend.ts";
import type { StatusLimits } from "../result-requests.ts";
import type { RedisDatabase } from "./database.ts";

/** What a result backend offers to a broker that joins it. */
export interface JoinSide {
  /** Where its keys are. */
  readonly database: RedisDatabase;
  /** The namespace of its keys. */
  readonly namespace: string;
  /** What statuses are held to. */
  readonly limits: StatusLimits;
  /** Throws when the backend was closed. */
  readonly requireOpen: () => void;
}

const sides = new WeakMap<ResultBackend, JoinSide>();

/** Lets a backend be joined. */
export function offerJoin(backend: ResultBackend, side: JoinSide): void {
  sides.set(backend, side);
}

/** What a backend offers; `undefined` when it is not one on Redis. */
export function joinSideOf(backend: ResultBackend): JoinSide | undefined {
  return sides.get(backend);
}
