/** Claims slots of schedules in small bites and completes them together with what they enqueue, until nothing is planned any more. */

import { once } from "node:events";
import { envelope, StemStack } from "../../../src/mod.ts";
import { ledgerFor } from "../../../src/ledger/ledger-for.ts";
import { optionsOf, say, told } from "./talk.ts";

const { url, place, id, leaseMs, holds } = optionsOf({ id: "claimer", leaseMs: 60_000, holds: 0 });

const stack = await StemStack.fromUrl(url, place);
const { schedules } = stack;
const ledger = ledgerFor(stack.broker, stack.results);
say({ type: "ready" });

const commands = told();
await commands.next();
if (holds > 0) {
  const held = await schedules.claimDue({ limit: holds, owner: id, leaseMs });
  say({ type: "holding", slots: held.map(({ entry, slot }) => `${entry.id}@${slot}`) });
  // Until it is killed.
  await commands.next();
}

const claimed: string[] = [];
const completed: string[] = [];
for (let inMs = await schedules.nextDueIn(); inMs !== undefined; inMs = await schedules.nextDueIn()) {
  // Only the lease of one that was killed makes it wait.
  if (inMs > 0) await once(AbortSignal.timeout(Math.min(inMs, 100)), "abort");
  const claims = await schedules.claimDue({ limit: 5, owner: id, leaseMs });
  claimed.push(...claims.map(({ entry, slot }) => `${entry.id}@${slot}`));
  const slots = claims.map((claim) => {
    const taskId = `${claim.entry.id}@${claim.slot}`;
    const outcome = { kind: "dispatched", taskId, nextRunAt: claim.slot + 1 } as const;
    return { claim, outcome, envelopes: [envelope({ id: taskId, name: "slot" })] };
  });
  const answers = await schedules.completeAndPublish(slots, ledger);
  completed.push(...slots.flatMap(({ outcome }, at) => answers[at] === true ? [outcome.taskId] : []));
}
await stack.close();
say({ type: "ended", claimed, completed });
