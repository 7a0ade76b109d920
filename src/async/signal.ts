/** A signal made of others. */
export interface CombinedSignal {
  /** Aborted as soon as one of the others is, with that one's reason. */
  readonly signal: AbortSignal;
  /** Lets go of the others; the signal then stays as it is. Call it when the work is over, harmless when repeated. */
  readonly dispose: () => void;
}

/**
 * Combines signals; `undefined` ones are left out, so that optional signals can be given as they are.
 *
 * `AbortSignal.any` does nearly that, but on Node 20 each of its results stays tied to a long-lived source for as long as that lives.
 * Here `dispose` unties them.
 */
export function anySignal(...signals: readonly (AbortSignal | undefined)[]): CombinedSignal {
  const controller = new AbortController();
  const sources = new Set(signals.filter((signal) => signal !== undefined));
  for (const source of sources) {
    if (source.aborted) {
      controller.abort(source.reason);
      return { signal: controller.signal, dispose: () => undefined };
    }
  }
  for (const source of sources) source.addEventListener("abort", onAbort);
  return { signal: controller.signal, dispose };

  function onAbort(event: Event): void {
    dispose();
    const { target } = event;
    controller.abort(target instanceof AbortSignal ? target.reason : undefined);
  }

  function dispose(): void {
    for (const source of sources) source.removeEventListener("abort", onAbort);
    sources.clear();
  }
}
