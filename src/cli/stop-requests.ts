import type { CliIo } from "./io.ts";

/** How a process shall end: the first request, the second, the third. */
const MODES = ["warm", "soft", "hard"] as const;

/** One of them. */
export type StopMode = (typeof MODES)[number];

/** Hears of requests to end from the moment that it is made: what connects for a while must not miss the first. */
export class StopRequests {
  readonly #stopListening: () => void;
  readonly #listeners: ((mode: StopMode) => void)[] = [];
  #latest: StopMode | undefined;

  /** Listens from now on. After the third request nobody does, and a fourth ends the process as it always would. */
  constructor(io: CliIo) {
    this.#stopListening = io.onStop(() => {
      this.#latest = MODES[this.#latest === undefined ? 0 : MODES.indexOf(this.#latest) + 1] ?? "hard";
      if (this.#latest === "hard") this.#stopListening();
      for (const listener of this.#listeners) listener(this.#latest);
    });
  }

  /** Whether the end was asked for. */
  get asked(): boolean {
    return this.#latest !== undefined;
  }

  /** Calls back for each request; at once for the latest, when there was one before. */
  subscribe(listener: (mode: StopMode) => void): void {
    this.#listeners.push(listener);
    if (this.#latest !== undefined) listener(this.#latest);
  }

  /** Listens no more. */
  close(): void {
    this.#stopListening();
  }
}
