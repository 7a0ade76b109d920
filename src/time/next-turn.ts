/**
 * Resolves in the runtime's next turn: after every promise chain that can go on without input, output or timers has done so.
 *
 * Awaited between the rounds of a busy loop, it lets everything else in the process have its turn.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    // Where it exists it comes at once; a timeout of zero takes a millisecond.
    if (typeof setImmediate === "function") setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}
