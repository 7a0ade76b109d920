/** Schedules: Beat enqueues a task each time that its rule says so, and the history tells what became of each slot. */

import { StemApp, task } from "@stem/stem";

const report = task({
  name: "report",
  run: (_ctx, args: { title: string }) => `${args.title} reported`,
});

const app = await StemApp.inMemory({ tasks: [report], beat: true });
const { schedules } = app.stack;

const ended = new Promise<void>((resolve) => {
  let slots = 0;
  app.beat.subscribe((event) => event.type === "slot-dispatched" && ++slots === 3 && resolve());
});

await schedules.upsert({
  id: "every-100-ms",
  spec: { kind: "interval", everyMs: 100 },
  task: { name: "report", args: { title: "Sales" } },
  maxRuns: 3,
});

// Six fields, a zone, and what happens to slots that passed while nobody ran.
const morning = await schedules.upsert({
  id: "each-working-morning",
  spec: { kind: "cron", expression: "0 30 8 * * MON-FRI" },
  timeZone: "Europe/Berlin",
  task: { name: "report", args: { title: "News" } },
  misfire: { kind: "skip" },
});
console.log("the next morning is known:", morning.nextRunAt !== undefined);

await ended;

for (const run of (await schedules.history("every-100-ms")).items.toReversed()) {
  console.log(run.kind, await app.stem.handle(run.taskId ?? "").result());
}
const entry = await schedules.get("every-100-ms");
console.log("runs:", entry?.runs, "next:", entry?.nextRunAt);
await app.close();

// Prints:
// the next morning is known: true
// dispatched Sales reported
// dispatched Sales reported
// dispatched Sales reported
// runs: 3 next: undefined
