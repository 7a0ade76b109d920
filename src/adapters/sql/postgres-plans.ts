import { driverError, textField } from "./error-chain.ts";

/**
 * How the server is to plan what is sent over a connection of ours: once for each statement, and so that every table is read by an index, in its
 * order.
 *
 * Left to itself it plans many statements anew with every call, which took as long as the rest of a small claim, and for a young table it plans
 * to read all of it: a claim that kept such a plan cost seven times as much among some thousand tasks. Compiling them to machine code never pays.
 */
export const PLAN_SETTINGS: Readonly<Record<string, string>> = Object.freeze({
  plan_cache_mode: "force_generic_plan",
  enable_seqscan: "off",
  enable_sort: "off",
  jit: "off",
});

// As a pooler such as PgBouncer says it, and a server that is too old to know one.
const REFUSED = new Set(["08P01", "42704"]);

/** Whether a connection was refused for one of the settings: it is to be made without them then. */
export function refusesPlanSettings(error: unknown): boolean {
  const cause = driverError(error);
  const message = cause instanceof Error ? cause.message : "";
  return REFUSED.has(textField(cause, "code") ?? "") && Object.keys(PLAN_SETTINGS).some((name) => message.includes(name));
}
