/** A task module as users write them. */

import { task } from "../../../src/mod.ts";

/** Ends at once. */
export const add = task({ name: "math.add", run: (_ctx, args: { readonly a: number; readonly b: number }) => args.a + args.b });

/** Goes on until it is aborted. */
export const wait = task({
  name: "wait",
  run: (ctx) =>
    new Promise((_, reject) => {
      ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason as Error));
    }),
});

/** Goes on whatever it is told. */
export const deaf = task({ name: "deaf", run: () => new Promise(() => {}) });

/** Fails, and names a password. */
export const leak = task({
  name: "leak",
  maxRetries: 0,
  run: () => {
    throw new Error("Cannot reach postgres://stem:hunter2@host/db");
  },
});
