import { EventSource } from "../async/event-source.ts";
import type { MaybePromise } from "../async/maybe-promise.ts";

/** Calls back whenever something may have changed, from when it resolves until the returned function is called. */
export type ListenForChanges = (changed: () => void) => MaybePromise<() => void>;

/** The watches on one store that tell that something changed, and not what: changes that come while a reader is busy are told once. */
export class ChangeWatches {
  readonly #endings = new Set<() => void>();

  /** Opens a watch. It ends with its signal, with its reader's loop, and with {@link ChangeWatches.endAll}. */
  async open(signal: AbortSignal, listen: ListenForChanges): Promise<AsyncIterableIterator<void>> {
    const changes = new EventSource<void>();
    const stop = await listen(() => changes.emit());
    const end = (): void => {
      if (!this.#endings.delete(end)) return;
      signal.removeEventListener("abort", end);
      stop();
      changes.close();
    };
    const iterator = changes.listen({ signal, coalesce: () => "change" });
    this.#endings.add(end);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
    const watch: AsyncIterableIterator<void> = {
      next: () => iterator.next(),
      return: async () => {
        end();
        await iterator.return?.();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return watch;
      },
    };
    return watch;
  }

  /** Ends all of them. */
  endAll(): void {
    for (const end of [...this.#endings]) end();
  }
}
