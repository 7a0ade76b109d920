/** The tasks: defined once, imported by the process that enqueues them and by the one that runs them. */

import { task } from "@stem/stem";
import type { Measurement } from "./measure.ts";
import { measure } from "./measure.ts";

/** Measures one file. What it returns is stored, and read by whoever asks for the result. */
export const measureFile = task({
  name: "quickstart.measure-file",
  run: (ctx, args: { path: string }): Promise<Measurement> => measure(args.path, ctx.signal),
});

/** Fails twice, and is tried again after a pause each time: the third attempt succeeds. */
export const flaky = task({
  name: "quickstart.flaky",
  retry: { maxRetries: 3, backoff: "fixed", delay: "200ms", jitter: "none" },
  run: (ctx) => {
    if (ctx.attempt < 3) throw new Error(`nobody answered call ${ctx.attempt}`);
    return `call ${ctx.attempt} was answered`;
  },
});

/** Fails every time: after its last attempt it is kept as a dead letter, with the reason. */
export const hopeless = task({
  name: "quickstart.hopeless",
  retry: { maxRetries: 1, delay: "100ms", jitter: "none" },
  run: () => {
    throw new Error("this number is not in use");
  },
});

/** All of them, for the app. */
export const tasks = [measureFile, flaky, hopeless];
