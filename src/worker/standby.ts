import type { Delivery } from "../model/delivery.ts";
import type { Candidate } from "./limit-decisions.ts";
import type { AskedPermit } from "./limit-rules.ts";

/** Tasks that wait in this worker for a permit, by what they wait for. */
export class Standby {
  readonly #most: number;
  readonly #byKey = new Map<string, Candidate[]>();
  readonly #keys = new Map<Delivery, string>();

  /** Makes room for so many. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Takes in a task that may wait. False when there is no room: as many as there are permits wait for one already. */
  add(candidate: Candidate): boolean {
    const { delivery } = candidate;
    const permit = onlyNeed(candidate);
    if (permit === undefined) return false;
    const { key, limit } = permit;
    const waiting = this.#byKey.get(key) ?? [];
    if (this.#keys.size >= this.#most || waiting.length >= limit) return false;
    waiting.push(candidate);
    this.#byKey.set(key, waiting);
    this.#keys.set(delivery, key);
    return true;
  }

  /** Whether a task may wait here: it needs one permit and nothing else. */
  canTake(candidate: Candidate): boolean {
    return onlyNeed(candidate) !== undefined;
  }

  /** The one that waits longest for a permit of the key. */
  first(key: string): Candidate | undefined {
    return this.#byKey.get(key)?.[0];
  }

  /** Takes that one out. */
  next(key: string): Candidate | undefined {
    const first = this.first(key);
    return first !== undefined && this.remove(first.delivery) ? first : undefined;
  }

  /** Takes out a task; false when it does not wait. */
  remove(delivery: Delivery): boolean {
    const key = this.#keys.get(delivery);
    if (key === undefined) return false;
    this.#keys.delete(delivery);
    const left = (this.#byKey.get(key) ?? []).filter((one) => one.delivery !== delivery);
    if (left.length === 0) this.#byKey.delete(key);
    else this.#byKey.set(key, left);
    return true;
  }

  /** Everything that waits. */
  get all(): readonly Candidate[] {
    return [...this.#byKey.values()].flat();
  }
}

function onlyNeed({ delivery, rules }: Candidate): AskedPermit | undefined {
  // Whether it has expired is looked at when it is claimed.
  if (delivery.envelope.expiresAt !== undefined) return undefined;
  const [rule, other] = [rules.queue, rules.task].filter((one) => one !== undefined);
  return rule?.bucket === undefined && other === undefined ? rule?.permit : undefined;
}
