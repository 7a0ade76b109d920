import type { HeapItem } from "./indexed-heap.ts";
import { IndexedHeap } from "./indexed-heap.ts";

/** An envelope as the broker keeps it. What changes is written by the functions of `deliveries.ts`; the queue moves it about. */
export interface StoredEnvelope extends HeapItem {
  /** The task. */
  readonly id: string;
  /** Its queue. */
  readonly queue: string;
  /** Its priority. */
  readonly priority: number;
  /** Rises with each publication: its place among equals, kept until it is settled for good. */
  readonly seq: number;
  /** How long its holder may keep it; absent leaves that to the claim. */
  readonly leaseMs: number | undefined;
  /** The envelope; nobody else holds it. */
  kept: unknown;
  /** Its attempt. */
  attempt: number;
  /** Where it stands. */
  place: "ready" | "delayed" | "leased";
  /** When it becomes claimable: the end of its delay, or of its lease. */
  dueAt: number;
  /** The token of its holder, also when the lease ran out and nobody took over; 0 when nobody holds it. */
  token: number;
  /** How often it was handed out since it was published, retried or put back. */
  deliveries: number;
}

/** One queue: what is claimable, what is hidden, what is held. */
export class MemoryQueue {
  /** When it was last served, as the database counts: the one that waits longest goes first. */
  servedAt: number;
  readonly #ready = new IndexedHeap<StoredEnvelope>((a, b) => a.priority === b.priority ? a.seq < b.seq : a.priority > b.priority);
  readonly #delayed = new IndexedHeap<StoredEnvelope>((a, b) => a.dueAt < b.dueAt);
  readonly #leased = new IndexedHeap<StoredEnvelope>((a, b) => a.dueAt < b.dueAt);

  /** Makes an empty queue that counts as just served: one that runs empty and is filled again must not get ahead of the others by that. */
  constructor(now: number) {
    this.servedAt = now;
  }

  /** Whether nothing is there at all. */
  get isEmpty(): boolean {
    return this.#ready.size + this.#delayed.size + this.#leased.size === 0;
  }

  /** Counts; what has fallen due counts as ready. */
  counts(now: number): { readonly ready: number; readonly delayed: number; readonly inflight: number } {
    this.#letDueIn(now);
    return { ready: this.#ready.size, delayed: this.#delayed.size, inflight: this.#leased.size };
  }

  /** How long until something falls due, 0 when something is ready; `undefined` when nothing will. */
  nextDueIn(now: number): number | undefined {
    if (this.#ready.size > 0) return 0;
    const dueAt = Math.min(this.#delayed.first?.dueAt ?? Infinity, this.#leased.first?.dueAt ?? Infinity);
    return dueAt === Infinity ? undefined : Math.max(0, dueAt - now);
  }

  /** Takes in an envelope: claimable when `dueAt` has come, hidden until then. */
  add(envelope: StoredEnvelope, dueAt: number, now: number): void {
    this.#put(envelope, dueAt > now ? "delayed" : "ready", dueAt);
  }

  /** Takes in an envelope that somebody holds until `dueAt`. */
  addLeased(envelope: StoredEnvelope, dueAt: number): void {
    this.#put(envelope, "leased", dueAt);
  }

  /** Takes out the envelope that is first in line. */
  takeNext(now: number): StoredEnvelope | undefined {
    this.#letDueIn(now);
    return this.#ready.takeFirst();
  }

  /** Takes out an envelope, wherever it stands. */
  remove(envelope: StoredEnvelope): void {
    this.#heapOf(envelope.place).remove(envelope);
  }

  /** Gives what nobody holds, in no order. */
  waiting(now: number): readonly StoredEnvelope[] {
    this.#letDueIn(now);
    return [...this.#ready.items, ...this.#delayed.items];
  }

  #letDueIn(now: number): void {
    this.#letIn(this.#delayed, now);
    this.#letIn(this.#leased, now);
  }

  #letIn(heap: IndexedHeap<StoredEnvelope>, now: number): void {
    for (let first = heap.first; first !== undefined && first.dueAt <= now; first = heap.first) {
      heap.remove(first);
      this.#put(first, "ready", first.dueAt);
    }
  }

  #put(envelope: StoredEnvelope, place: StoredEnvelope["place"], dueAt: number): void {
    envelope.place = place;
    envelope.dueAt = dueAt;
    this.#heapOf(place).add(envelope);
  }

  #heapOf(place: StoredEnvelope["place"]): IndexedHeap<StoredEnvelope> {
    return place === "ready" ? this.#ready : place === "delayed" ? this.#delayed : this.#leased;
  }
}
