import type { MaybePromise } from "../../async/maybe-promise.ts";

/** Hears of the writes of others, wherever they are, and calls what it was made with. */
export interface SignalSource {
  /** Hears from when this resolves; harmless when it does so already. Does not fail: what cannot be heard is found by looking from time to time. */
  start(): MaybePromise<void>;
  /** Whether it hears already, so that starting it takes no time. @default false */
  readonly isStarted?: boolean;
  /** Nobody listens for now. */
  rest(): void;
  /** Ends the hearing for good. */
  close(): Promise<void>;
}

/** Called with the topic when it may have changed. Must not throw. */
export type OnSignal = (topic: string) => void;

interface Listener {
  readonly topic: string;
  readonly onSignal: OnSignal;
}

// Postgres takes payloads of less than 8,000 bytes.
const LONGEST_PAYLOAD = 7_900;
// Writing more takes longer than it saves those who look because of "anything".
const MOST_TOPICS = 500;
const ANYTHING = "*";

/**
 * Brings news of writes to those who wait in this process, by topic. A signal is a hint: it may come without need, and whoever waits looks
 * again from time to time in case one was lost.
 *
 * Topics travel as short hashes, so that a batch of a thousand fits into one notification; two topics of one hash merely wake each other.
 */
export class Signals {
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #source: SignalSource;

  /** Makes one that hears through the source, which gets the functions to call. */
  constructor(source: (signals: Signals) => SignalSource) {
    this.#source = source(this);
  }

  /** Whether listening begins at once. */
  get listensAtOnce(): boolean {
    return this.#source.isStarted === true;
  }

  /** Calls back whenever one of the topics may have changed: from when the promise resolves until the returned function is called. */
  async listen(topics: Iterable<string>, onSignal: OnSignal): Promise<() => void> {
    const mine = Array.from(new Set(topics), (topic) => [hashTopic(topic), { topic, onSignal }] as const);
    for (const [hash, listener] of mine) {
      const there = this.#listeners.get(hash);
      if (there === undefined) this.#listeners.set(hash, new Set([listener]));
      else there.add(listener);
    }
    await this.#source.start();
    return () => {
      for (const [hash, listener] of mine) {
        const there = this.#listeners.get(hash);
        there?.delete(listener);
        if (there?.size === 0) this.#listeners.delete(hash);
      }
      if (this.#listeners.size === 0) this.#source.rest();
    };
  }

  /** Tells this process's listeners what a payload says. */
  receive(payload: string): void {
    if (payload === ANYTHING) return this.receiveAnything();
    for (const hash of payload.split(",")) this.#notify(hash);
  }

  /** Tells this process's listeners of topics that it has written to itself. */
  tell(topics: Iterable<string>): void {
    if (this.#listeners.size === 0) return;
    for (const topic of topics) this.#notify(hashTopic(topic));
  }

  /** Tells all of this process's listeners: anything may have changed. */
  receiveAnything(): void {
    for (const hash of [...this.#listeners.keys()]) this.#notify(hash);
  }

  /** Ends the hearing for good. */
  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#source.close();
  }

  #notify(hash: string): void {
    for (const { topic, onSignal } of [...this.#listeners.get(hash) ?? []]) onSignal(topic);
  }
}

/** Writes topics as the payload of one notification: those of too many become "anything". `undefined` when there are none. */
export function signalPayload(topics: readonly string[]): string | undefined {
  if (topics.length > MOST_TOPICS) return ANYTHING;
  const hashes = new Set<string>();
  for (const topic of topics) hashes.add(hashTopic(topic));
  if (hashes.size === 0) return undefined;
  const payload = [...hashes].join(",");
  return payload.length > LONGEST_PAYLOAD ? ANYTHING : payload;
}

/** FNV-1a over UTF-16 code units, 32 bits, in base 36. Part of the wire format between processes: it must not change. */
function hashTopic(topic: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < topic.length; at++) hash = Math.imul(hash ^ topic.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(36);
}
