import { EventSource } from "../async/event-source.ts";
import type { Broadcast } from "../contracts/broker.ts";
import { fromText } from "../model/json-text.ts";

/** One subscription to a channel: keeps in order what was heard until it is read. Ends at its signal, at `close`, or with its loop. */
export class BroadcastFeed implements AsyncIterableIterator<Broadcast> {
  readonly #channel: string;
  readonly #source = new EventSource<Broadcast>();
  readonly #heard: AsyncIterator<Broadcast>;
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => this.#end();
  #endings: (() => void)[] = [];
  #ended = false;

  /** Makes a feed that waits for what {@link BroadcastFeed.push} brings. */
  constructor(channel: string, signal: AbortSignal) {
    this.#channel = channel;
    this.#signal = signal;
    this.#heard = this.#source.listen({ signal });
    if (signal.aborted) this.#ended = true;
    else signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Runs a function when the feed ends: at once when it has ended. */
  onEnd(ending: () => void): void {
    if (this.#ended) ending();
    else this.#endings.push(ending);
  }

  /** Takes in the JSON text of a message. Each feed reads its own copy. */
  push(text: string, sentAt: number): void {
    this.#source.emit({ channel: this.#channel, message: fromText(text), sentAt });
  }

  /** Ends the feed; its reader still gets what was heard before. */
  close(): void {
    this.#source.close();
    this.#end();
  }

  /** Gives the next broadcast, waiting for it. */
  next(): Promise<IteratorResult<Broadcast>> {
    return this.#heard.next();
  }

  /** Ends the feed and lets go of what was not read. */
  async return(): Promise<IteratorResult<Broadcast>> {
    this.#end();
    await this.#heard.return?.();
    return { done: true, value: undefined };
  }

  /** Itself. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  #end(): void {
    this.#ended = true;
    this.#signal.removeEventListener("abort", this.#onAbort);
    for (const ending of this.#endings.splice(0)) ending();
  }
}
