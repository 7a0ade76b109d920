/** Claims one task without a worker, so that nothing renews its lease, and settles it when it is told to, however late. */

import { StemStack } from "../../../src/mod.ts";
import { ledgerFor } from "../../../src/ledger/ledger-for.ts";
import { optionsOf, say, told } from "./talk.ts";

const { url, place, queue, leaseMs } = optionsOf({ queue: "default", leaseMs: 1_000 });

const stack = await StemStack.fromUrl(url, place);
const ledger = ledgerFor(stack.broker, stack.results);
say({ type: "ready" });
const [delivery] = await ledger.claim({ queues: [queue], consumer: "holder", limit: 1, leaseMs, waitMs: 30_000 });
if (delivery === undefined) throw new Error("There was nothing to claim");
say({ type: "claimed", token: delivery.token });
for await (const _line of told()) {
  const [extendedTo] = await stack.broker.extendLease([delivery], leaseMs);
  const [outcome] = await ledger.finish([{ delivery, settlement: { kind: "ack" }, status: { state: "succeeded", payload: "stale" } }]);
  const [acknowledged] = await stack.broker.settle([{ delivery, settlement: { kind: "ack" } }]);
  const recorded = await stack.results.set(delivery.envelope.id, "succeeded", { payload: "stale" });
  say({ type: "settled", outcome, acknowledged, extended: extendedTo !== undefined, recorded });
}
await stack.close();
