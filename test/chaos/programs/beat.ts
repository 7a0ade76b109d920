/** A Beat in a process of its own. It dispatches until its standard input ends, and tells what happens in it. */

import { Beat, StemStack } from "../../../src/mod.ts";
import { optionsOf, say, told } from "./talk.ts";

const { url, place, id, lease, locks } = optionsOf({
  id: "beat",
  lease: "15s",
  /** Whether instances share a lock, or compete for each slot. */
  locks: true,
});

const stack = await StemStack.fromUrl(url, place);
const { broker, results: backend, schedules: store, locks: lockStore } = stack;
const beat = new Beat({ broker, backend, store, id, lease, ...(locks ? { lockStore } : {}) });
beat.subscribe((event) => {
  switch (event.type) {
    case "slot-dispatched":
    case "slot-skipped":
    case "slot-failed":
    case "slot-lost":
      return say({ type: event.type, scheduleId: event.claim.entry.id, slot: event.claim.slot });
    case "error":
      return say({ type: "error", operation: event.operation, message: String(event.error) });
    default:
      return say({ type: event.type });
  }
});
await beat.start();
say({ type: "ready" });
for await (const _line of told());
await beat.stop();
await stack.close();
say({ type: "ended" });
