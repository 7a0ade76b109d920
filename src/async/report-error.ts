/**
 * Hands an error to the runtime as uncaught, after the present code has run on.
 *
 * For errors that have no caller to go to: a listener that throws although nobody gave an `onError`. Hiding them would hide a bug.
 */
export function reportUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** Hands an error to an `onError` option; without one, or when that throws itself, the error is uncaught. Never throws. */
export function reportError(error: unknown, onError?: ((error: unknown) => void) | undefined): void {
  if (onError === undefined) return reportUncaught(error);
  try {
    onError(error);
  } catch (thrown) {
    reportUncaught(thrown);
  }
}
