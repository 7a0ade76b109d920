import type { QueueCounts } from "../../contracts/broker.ts";
import type { Delivery } from "../../model/delivery.ts";
import type { ClaimRequest, ExtendItem, PublishItem, SettleItem } from "../broker-requests.ts";
import type { RedisDatabase } from "./database.ts";
import type { Argument } from "./link.ts";
import { CLAIMS } from "./lua/claims.ts";
import { DEAD_LETTERS } from "./lua/dead-letters.ts";
import { ENVELOPES } from "./lua/envelopes.ts";
import { SETTLEMENTS } from "./lua/settlements.ts";
import { listOf, numberOf, textOf } from "./reply.ts";
import type { Script } from "./script.ts";
import { script } from "./script.ts";
import { deliveryOf, envelopeArguments } from "./stored-envelope.ts";
import type { WaiterArguments } from "./waiting-claims.ts";

/** What {@link RedisDeliveries} are made of. */
export interface RedisDeliveriesOptions {
  /** Where the envelopes are. */
  readonly database: RedisDatabase;
  /** The namespace of all keys. */
  readonly namespace: string;
  /** How long dead letters are kept. */
  readonly deadLetterTtlMs: number;
}

// So many at once, that no single script holds the server up for long.
const PURGED_AT_ONCE = 500;

/** Publishes, hands out and settles. */
export class RedisDeliveries {
  readonly #options: RedisDeliveriesOptions;

  /** Makes the access; nothing is sent. */
  constructor(options: RedisDeliveriesOptions) {
    this.#options = options;
  }

  /** Accepts envelopes, no id twice. Answers for each whether it was new. */
  async publish(items: readonly PublishItem[]): Promise<readonly boolean[]> {
    const args: Argument[] = [];
    for (const item of items) args.push(...envelopeArguments(item));
    return allBut(items.length, await this.#run(PUBLISH, args));
  }

  /** Claims; with nothing to hand out, answers in how many milliseconds something falls due instead, −1 when nothing will. */
  async claim({ queues, limit, leaseMs, consumer }: ClaimRequest, waiter: WaiterArguments): Promise<readonly Delivery[] | number> {
    const reply = listOf(await this.#run(CLAIM, [limit, leaseMs, ...waiter, ...queues]));
    return reply.length === 1 ? numberOf(reply[0]) : toDeliveries(reply, { consumer, leaseMs, from: 3, count: reply.length - 3 });
  }

  /** Carries out decisions, no delivery twice. Answers for each whether it was current. */
  async settle(items: readonly SettleItem[]): Promise<readonly boolean[]> {
    const { deadLetterTtlMs } = this.#options;
    const acks = items.filter(({ kind }) => kind === "ack");
    const others = items.filter(({ kind }) => kind !== "ack");
    const args: Argument[] = [deadLetterTtlMs, acks.length];
    for (const { id, token, queue } of acks) args.push(id, token, queue);
    for (const { id, token, queue, kind, delayMs, reason = "", error = "" } of others) {
      args.push(id, token, queue, kind, delayMs, reason, error);
    }
    const settled = allBut(items.length, await this.#run(SETTLE, args));
    if (acks.length === items.length) return settled;
    const byItem = new Map([...acks, ...others].map((item, at) => [item, settled[at] ?? false]));
    return items.map((item) => byItem.get(item) ?? false);
  }

  /** Moves the end of leases. Answers the new end of each; `undefined` where the delivery was stale. */
  async extend(items: readonly ExtendItem[]): Promise<readonly (number | undefined)[]> {
    const args: Argument[] = [];
    for (const { id, token, queue, leaseMs } of items) args.push(id, token, queue, leaseMs);
    return listOf(await this.#run(EXTEND, args)).map((end) => end === null ? undefined : numberOf(end));
  }

  /** Forgets what of a queue nobody holds. Answers how much that was. */
  async purge(queue: string): Promise<number> {
    for (let purged = 0;;) {
      const some = numberOf(await this.#run(PURGE, [queue, PURGED_AT_ONCE]));
      purged += some;
      if (some < PURGED_AT_ONCE) return purged;
    }
  }

  /** Counts a queue. */
  async counts(queue: string): Promise<QueueCounts> {
    const [ready, delayed, inflight, dead] = listOf(await this.#run(COUNTS, [queue]));
    return { ready: numberOf(ready), delayed: numberOf(delayed), inflight: numberOf(inflight), dead: numberOf(dead) };
  }

  #run(what: Script, args: readonly Argument[]): Promise<unknown> {
    return this.#options.database.run(what, this.#options.namespace, args);
  }
}

/** How {@link toDeliveries} reads a reply. */
export interface ClaimReply extends Pick<ClaimRequest, "consumer" | "leaseMs"> {
  /** Where the stored envelopes begin. */
  readonly from: number;
  /** How many there are. */
  readonly count: number;
}

/** Reads what a claim answered: when, the first token, how often each was handed out, and further on the stored envelopes. */
export function toDeliveries(reply: readonly unknown[], { consumer, leaseMs, from, count }: ClaimReply): readonly Delivery[] {
  const [claimedAt, first, times] = [numberOf(reply[0]), numberOf(reply[1]), textOf(reply[2])];
  const deliveries = times === "" ? undefined : times.split(" ");
  return reply.slice(from, from + count).map((value, at) =>
    deliveryOf(textOf(value), { token: first + at, consumer, claimedAt, deliveryCount: Number(deliveries?.[at] ?? 1), leaseMs })
  );
}

/** Reads which of so many were refused, counted from 1. */
export function allBut(count: number, refused: unknown): readonly boolean[] {
  const answers = Array.from({ length: count }, () => true);
  for (const at of listOf(refused)) answers[numberOf(at) - 1] = false;
  return answers;
}

const PUBLISH = script("publish", [
  ENVELOPES,
  `
local ids, refused = {}, {}
for at = 1, #ARGV, 4 do ids[#ids + 1] = ARGV[at] end
local known = knownEnvelopes(ids)
for at = 1, #ids do
  local from = at * 4 - 3
  if known[ids[at]] then refused[#refused + 1] = at else acceptEnvelope(ids[at], ARGV[from + 1], ARGV[from + 2], ARGV[from + 3]) end
end
flushEnvelopes()
return refused
`,
]);

const CLAIM = script("claim", [
  ENVELOPES,
  CLAIMS,
  `
local queues = {}
for at = 5, #ARGV do queues[at - 4] = ARGV[at] end
local claimed, dueIn = claimOrWait(queues, ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1')
if not claimed then return { dueIn } end
local reply, values = { now(), claimed.first, claimed.deliveries }, claimed.values
for at = 1, #values do reply[at + 3] = values[at] end
return reply
`,
], { evenWhenFull: true });

const SETTLE = script("settle", [
  ENVELOPES,
  DEAD_LETTERS,
  SETTLEMENTS,
  `
local acks, refused, ids, tokens, queues, from = tonumber(ARGV[2]), {}, {}, {}, {}, {}
local item = 3
while item <= #ARGV do
  local at = #ids + 1
  ids[at], tokens[at], queues[at], from[at] = ARGV[item], ARGV[item + 1], ARGV[item + 2], item
  item = item + (at <= acks and 3 or 7)
end
local current = holders(ids, tokens, queues)
for at = 1, #ids do
  item = from[at]
  if not current[at] then
    refused[#refused + 1] = at
  elseif at <= acks then
    settle(ids[at], queues[at], 'ack')
  else
    settle(ids[at], queues[at], ARGV[item + 3], tonumber(ARGV[item + 4]), ARGV[item + 5], ARGV[item + 6], ARGV[1])
  end
end
flushSettlements()
flushEnvelopes()
return refused
`,
], { evenWhenFull: true });

const EXTEND = script("extendLease", [
  ENVELOPES,
  DEAD_LETTERS,
  SETTLEMENTS,
  `
local ids, tokens, queues, times = {}, {}, {}, {}
for item = 1, #ARGV, 4 do
  local at = #ids + 1
  ids[at], tokens[at], queues[at], times[at] = ARGV[item], ARGV[item + 1], ARGV[item + 2], tonumber(ARGV[item + 3])
end
local current, byQueue, leases, reply = holders(ids, tokens, queues), {}, {}, {}
for at = 1, #ids do
  if current[at] and not leases[ids[at]] then
    local list = byQueue[queues[at]] or {}
    byQueue[queues[at]], list[#list + 1], leases[ids[at]] = list, ids[at], 0
  end
end
local late = {}
for queue, list in pairs(byQueue) do
  local ends = readEach(list, function(...) return call('ZMSCORE', ns .. 'ql:' .. queue, ...) end)
  for at = 1, #list do
    leases[list[at]] = tonumber(ends[at] or 0)
    -- Its lease has run out, and it may be back among the ready ones.
    if not ends[at] then
      late[queue] = late[queue] or {}
      table.insert(late[queue], list[at])
    end
  end
  call('ZCARD', ns .. 'qr:' .. queue)
end
for at = 1, #ids do
  reply[at] = false
  if current[at] then
    leases[ids[at]] = math.max(leases[ids[at]], now() + times[at])
    reply[at] = leases[ids[at]]
  end
end
for queue, list in pairs(byQueue) do
  local scores = {}
  for at = 1, #list do scores[at * 2 - 1], scores[at * 2] = leases[list[at]], list[at] end
  if late[queue] then each('ZREM', ns .. 'qr:' .. queue, late[queue]) end
  each('ZADD', ns .. 'ql:' .. queue, scores)
end
return reply
`,
], { idempotent: true, evenWhenFull: true });

const PURGE = script("purge", [
  ENVELOPES,
  CLAIMS,
  `
local queue, limit = ARGV[1], tonumber(ARGV[2])
makeDueReady(queue)
local purged = 0
call('HLEN', ns .. 'qh:' .. queue)
for _, kind in ipairs({ 'qr:', 'qd:' }) do
  local ids = call('ZRANGE', ns .. kind .. queue, 0, limit - purged - 1)
  if purged < limit and #ids > 0 then
    local keys = {}
    for at = 1, #ids do keys[at] = ns .. 'e:' .. ids[at] end
    call('ZREM', ns .. kind .. queue, unpack(ids))
    call('HDEL', ns .. 'qh:' .. queue, unpack(ids))
    call('DEL', unpack(keys))
    purged = purged + #ids
  end
end
return purged
`,
], { evenWhenFull: true });

const COUNTS = script("counts", [
  `
local queue = ARGV[1]
local time = text(now())
local due = call('ZCOUNT', ns .. 'qd:' .. queue, '-inf', time) + call('ZCOUNT', ns .. 'ql:' .. queue, '-inf', time)
return {
  call('ZCARD', ns .. 'qr:' .. queue) + due,
  call('ZCOUNT', ns .. 'qd:' .. queue, '(' .. time, '+inf'),
  call('ZCOUNT', ns .. 'ql:' .. queue, '(' .. time, '+inf'),
  call('ZCOUNT', ns .. 'xq:' .. queue, '(' .. time, '+inf'),
}
`,
], { idempotent: true });
