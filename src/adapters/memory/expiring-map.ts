import type { HeapItem } from "./indexed-heap.ts";
import { IndexedHeap } from "./indexed-heap.ts";

interface Kept<V> extends HeapItem {
  readonly key: string;
  value: V;
  expiresAt: number | undefined;
}

// From that many on each write takes more away than it brings, so that what has expired cannot pile up although nobody sweeps.
const crowd = 1_000;
const sweptPerWrite = 2;

/** A map whose values may expire: expired is absent at once, and deleted little by little. */
export class ExpiringMap<V> {
  readonly #kept = new Map<string, Kept<V>>();
  readonly #expiring = new IndexedHeap<Kept<V>>((a, b) => (a.expiresAt ?? 0) < (b.expiresAt ?? 0));

  /** How many values are stored, those included that have expired and were not deleted yet. */
  get stored(): number {
    return this.#kept.size;
  }

  /** Reads a value. */
  get(key: string, now: number): V | undefined {
    const kept = this.#kept.get(key);
    return kept === undefined || hasExpired(kept, now) ? undefined : kept.value;
  }

  /** Stores a value until an instant, or without end. One that replaces an unexpired value keeps its place in the order of `values`. */
  set(key: string, value: V, times: { readonly now: number; readonly expiresAt: number | undefined }): void {
    const { now, expiresAt } = times;
    let kept = this.#kept.get(key);
    if (kept !== undefined && hasExpired(kept, now)) {
      this.#forget(kept);
      kept = undefined;
    }
    if (kept === undefined) {
      kept = { key, value, expiresAt, heapIndex: -1 };
      this.#kept.set(key, kept);
    } else {
      if (kept.heapIndex >= 0) this.#expiring.remove(kept);
      // Written over, since an object made anew each time is what the garbage collector then has to carry about.
      kept.value = value;
      kept.expiresAt = expiresAt;
    }
    if (expiresAt !== undefined) this.#expiring.add(kept);
    if (this.#kept.size > crowd) this.sweep(now, sweptPerWrite);
  }

  /** Deletes a value; false when there was none. */
  delete(key: string, now: number): boolean {
    const kept = this.#kept.get(key);
    if (kept === undefined) return false;
    this.#forget(kept);
    return !hasExpired(kept, now);
  }

  /** Gives all unexpired values, the longest known first. */
  values(now: number): V[] {
    const values: V[] = [];
    for (const kept of this.#kept.values()) {
      if (!hasExpired(kept, now)) values.push(kept.value);
    }
    return values;
  }

  /** Deletes expired values, at most `limit`. Returns how many. */
  sweep(now: number, limit: number): number {
    let swept = 0;
    for (let first = this.#expiring.first; first !== undefined && swept < limit && hasExpired(first, now); first = this.#expiring.first) {
      this.#forget(first);
      swept++;
    }
    return swept;
  }

  #forget(kept: Kept<V>): void {
    this.#kept.delete(kept.key);
    if (kept.heapIndex >= 0) this.#expiring.remove(kept);
  }
}

function hasExpired({ expiresAt }: { readonly expiresAt: number | undefined }, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}
