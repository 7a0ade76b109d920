/** A signal whose listeners for `abort` are counted, to prove that nothing is left behind. */
export interface CountedSignal {
  readonly controller: AbortController;
  readonly signal: AbortSignal;
  /** How many listeners there are now. */
  readonly count: () => number;
}

/** Makes a signal that counts its listeners. */
export function countedSignal(): CountedSignal {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = new Set<unknown>();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners.add(args[1]);
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners.delete(args[1]);
    remove(...args);
  };
  // Listeners that were added with `once` go by themselves when the signal is aborted.
  add("abort", () => listeners.clear());
  return { controller, signal, count: () => listeners.size };
}
