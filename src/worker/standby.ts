import type { Delivery } from "../model/delivery.ts";
import type { Candidate } from "./limit-decisions.ts";

/** Tasks that wait in this worker for a permit, by what they wait for. */
export class Standby {
  readonly #most: number;
  readonly #byKey = new Map<string, Candidate[]>();
  readonly #keys = new Map<Delivery, string>();

  /** Makes room for so many. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Takes in a task that needs one permit and nothing else. False when there is no room: as many as there are permits wait for one already. */
  add(candidate: Candidate): boolean {
    const { delivery, rules } = candidate;
    // Whether it has expired is looked at when it is claimed.
    if (delivery.envelope.expiresAt !== undefined) return false;
    const [rule, other] = [rules.queue, rules.task].filter((one) => one !== undefined);
    if (rule?.permit === undefined || rule.bucket !== undefined || other !== undefined) return false;
    const { key, limit } = rule.permit;
    const waiting = this.#byKey.get(key) ?? [];
    if (this.#keys.size >= this.#most || waiting.length >= limit) return false;
    waiting.push(candidate);
    this.#byKey.set(key, waiting);
    this.#keys.set(delivery, key);
    return true;
  }

  /** Takes out the one that waits longest for a permit of the key. */
  next(key: string): Candidate | undefined {
    const [first] = this.#byKey.get(key) ?? [];
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
