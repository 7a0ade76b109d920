/** Called with the channel when what it stands for may have changed. Must not throw. */
export type OnSignal = (channel: string) => void;

/** What {@link RedisSignals} hear through. */
export interface SignalSource {
  /** Hears channels from when this resolves. */
  subscribe(channels: readonly string[]): Promise<void>;
  /** Hears them no more. */
  unsubscribe(channels: readonly string[]): Promise<void>;
}

/**
 * Brings news of writes to those who wait in this process, by channel. A signal is a hint: it may come without need, and whoever waits looks
 * again from time to time in case one was lost.
 */
export class RedisSignals {
  readonly #listeners = new Map<string, Set<OnSignal>>();
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #source: SignalSource;

  /** Makes one that hears through the source. */
  constructor(source: SignalSource) {
    this.#source = source;
  }

  /**
   * Calls back whenever one of the channels may have changed: from when the promise resolves until the returned function is called. Does not
   * fail: while the server is away nothing is heard, and once it is back everybody is told.
   */
  async listen(channels: Iterable<string>, onSignal: OnSignal): Promise<() => void> {
    const mine = [...new Set(channels)];
    // Wrapped, so that a function that listens twice is told twice and leaves one at a time.
    const listener: OnSignal = (channel) => onSignal(channel);
    const unheard = mine.filter((channel) => !this.#listeners.has(channel));
    for (const channel of mine) {
      const there = this.#listeners.get(channel);
      if (there === undefined) this.#listeners.set(channel, new Set([listener]));
      else there.add(listener);
    }
    if (unheard.length > 0) this.#subscribe(unheard);
    // Also those that somebody else has just asked for: before they are heard, a look would come too early.
    await Promise.all(new Set(mine.flatMap((channel) => this.#underWay.get(channel) ?? [])));
    return () => this.#forget(mine, listener);
  }

  /** Tells this process's listeners of one channel. */
  receive(channel: string): void {
    for (const listener of [...this.#listeners.get(channel) ?? []]) listener(channel);
  }

  /** Tells all of this process's listeners: anything may have changed. */
  receiveAnything(): void {
    for (const channel of [...this.#listeners.keys()]) this.receive(channel);
  }

  /** Forgets who listens. */
  close(): void {
    this.#listeners.clear();
  }

  #subscribe(channels: readonly string[]): void {
    const heard = this.#source.subscribe(channels).finally(() => {
      for (const channel of channels) if (this.#underWay.get(channel) === heard) this.#underWay.delete(channel);
    });
    for (const channel of channels) this.#underWay.set(channel, heard);
  }

  #forget(channels: readonly string[], listener: OnSignal): void {
    const empty = channels.filter((channel) => {
      const there = this.#listeners.get(channel);
      return there?.delete(listener) === true && there.size === 0 && this.#listeners.delete(channel);
    });
    if (empty.length > 0) void this.#source.unsubscribe(empty);
  }
}
