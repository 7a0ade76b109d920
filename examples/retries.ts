/** Three ways in which an attempt fails, and what follows: a policy, the handler's own wish, and giving up at once. */

import { StemApp, task } from "@stem/stem";

// What it throws is tried again, with growing pauses that are spread so that what failed together does not come back together.
const callService = task({
  name: "call-service",
  retry: { maxRetries: 4, backoff: "exponential", delay: "10ms", maxDelay: "1s", jitter: "equal" },
  run: (ctx) => {
    if (ctx.attempt < 3) throw new Error("503 Service Unavailable");
    return `answered at attempt ${ctx.attempt} of at most ${ctx.maxAttempts}`;
  },
});

// A handler that knows better says when to come back.
const obeyLimit = task({
  name: "obey-limit",
  maxRetries: 1,
  run: (ctx) => ctx.attempt === 1 ? ctx.retry({ delay: "25ms", reason: "429 Too Many Requests" }) : "let in",
});

// Another attempt would not help: no retries, a dead letter at once.
const checkAddress = task({
  name: "check-address",
  maxRetries: 10,
  run: (ctx, args: { address: string }) => args.address.includes("@") ? "fine" : ctx.reject(`"${args.address}" is no address`),
});

const app = await StemApp.inMemory({ tasks: [callService, obeyLimit, checkAddress] });

console.log("policy:", await (await app.enqueue(callService)).result());
console.log("handler:", await (await app.enqueue(obeyLimit)).result());

const rejected = await app.enqueue(checkAddress, { args: { address: "nobody" } });
await rejected.result().catch((error: Error) => console.log("rejected:", error.message.replace(rejected.id, "…")));
const letter = await app.stack.broker.deadLetters.get(rejected.id);
console.log("dead letter:", letter?.reason, "after attempt", letter?.envelope.attempt);

await app.close();

// Prints:
// policy: answered at attempt 3 of at most 5
// handler: let in
// rejected: Task "…" failed: "nobody" is no address
// dead letter: "nobody" is no address after attempt 1
