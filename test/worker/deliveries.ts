/** Deliveries and held tasks for the tests of the worker's parts. */

import type { Delivery } from "../../src/model/delivery.ts";
import type { EnvelopeInput } from "../../src/model/envelope.ts";
import { envelope } from "../../src/model/envelope.ts";
import type { Clock } from "../../src/time/clock.ts";
import { ManualClock } from "../../src/time/manual-clock.ts";
import { HeldTask } from "../../src/worker/held-task.ts";

/** A delivery as a store hands it out; what is not given is ordinary. */
export function delivery(input: Partial<EnvelopeInput> = {}, fields: Partial<Omit<Delivery, "envelope">> = {}): Delivery {
  const claimedAt = fields.claimedAt ?? 1_000_000;
  return {
    envelope: envelope({ name: "test.task", enqueuedAt: 0, ...input }),
    token: 1,
    consumer: "worker-1",
    claimedAt,
    leaseExpiresAt: claimedAt + 30_000,
    deliveryCount: 1,
    redelivered: false,
    ...fields,
  };
}

/** A held task whose lease lasts `leaseMs`. */
export function held(options: { readonly clock?: Clock; readonly leaseMs?: number; readonly graceMs?: number } = {}): HeldTask {
  const { clock = new ManualClock(), leaseMs = 30_000, graceMs = 5_000 } = options;
  return new HeldTask(delivery({}, { leaseExpiresAt: 1_000_000 + leaseMs }), clock, graceMs);
}
