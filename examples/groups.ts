/** A group counts the ends of its members, and keeps their results in the order in which they were submitted. */

import { StemApp, task } from "@stem/stem";

const square = task({
  name: "square",
  run: (_ctx, args: { n: number }) => {
    if (args.n < 0) throw new RangeError(`${args.n} is below zero`);
    return args.n * args.n;
  },
});

const app = await StemApp.inMemory({ tasks: [square] });
const numbers = [3, 1, -2, 4];
const taskIds = numbers.map((n) => `square-${n}`);

// The group is made first, so that no member can end before it.
await app.stack.results.initGroup({ id: "squares", taskIds, meta: { asked: numbers } });
await app.start();
const handles = await app.stem.enqueueMany(
  numbers.map((n) => ({ task: square, args: { n }, id: `square-${n}`, groupId: "squares" })),
);
await Promise.allSettled(handles.map((handle) => handle.result()));

const group = await app.stack.results.getGroup("squares");
console.log(`${group?.ended} of ${group?.total} ended, ${group?.failed} failed`);
for (const result of group?.results ?? []) {
  console.log(result?.taskId, result?.state, result?.payload ?? result?.error?.message);
}
await app.close();

// Prints:
// 4 of 4 ended, 1 failed
// square-3 succeeded 9
// square-1 succeeded 1
// square--2 failed -2 is below zero
// square-4 succeeded 16
