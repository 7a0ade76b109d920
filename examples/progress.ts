/** A handler tells how far it has come, and everyone who watches the task sees it, from any process. */

import { setTimeout as pause } from "node:timers/promises";
import { StemApp, task } from "@stem/stem";

const importRows = task({
  name: "import-rows",
  run: async (ctx, args: { rows: number }) => {
    for (let done = 1; done <= args.rows; done += 1) {
      // The signal ends the pause when the task is revoked, out of time, or the worker shuts down.
      await pause(20, undefined, { signal: ctx.signal });
      await ctx.progress({ done, of: args.rows });
    }
    return `${args.rows} rows imported`;
  },
});

const app = await StemApp.inMemory({ tasks: [importRows] });
const handle = await app.enqueue(importRows, { args: { rows: 5 } });

// Changes in quick succession may be seen as the latest one; the end is always seen, and ends the loop.
for await (const status of handle.watch()) {
  console.error(status.state, status.progress ?? "");
}

console.log("last progress:", JSON.stringify((await handle.status())?.progress));
console.log("result:", await handle.result());
await app.close();

// Prints:
// last progress: {"done":5,"of":5}
// result: 5 rows imported
