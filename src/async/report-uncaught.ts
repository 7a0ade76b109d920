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
