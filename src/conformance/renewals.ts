import type { Deferred } from "../async/deferred.ts";
import { deferred } from "../async/deferred.ts";
import type { Broker } from "../contracts/broker.ts";
import type { Rig } from "./system-rig.ts";
import { withMethod } from "./system-rig.ts";

/** A broker whose renewals can be awaited: a clock that is moved by hand must not outrun a network. */
export function countedRenewals(rig: Rig): { readonly broker: Broker; readonly untilRenewed: (count: number) => Promise<void> } {
  const { broker } = rig.system();
  const answered: Deferred<void>[] = [];
  let renewals = 0;
  const nth = (count: number): Deferred<void> => answered[count] ??= deferred<void>();
  return {
    broker: withMethod(broker, "extendLease", async (deliveries, ms) => {
      const expiries = await broker.extendLease(deliveries, ms);
      nth(++renewals).resolve();
      return expiries;
    }),
    untilRenewed: (count) => rig.context.within(nth(count).promise),
  };
}
