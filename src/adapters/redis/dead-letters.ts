import type { DeadLetterFilter } from "../../contracts/broker.ts";
import type { DeadLetter } from "../../model/delivery.ts";
import type { ReplayRequest } from "../broker-requests.ts";
import { toPublishItem } from "../broker-requests.ts";
import type { DeadLetterPosition, DeadLetterPrimitives } from "../dead-letters-surface.ts";
import { jsonText } from "../json-form.ts";
import { replayedEnvelope } from "../settled-envelope.ts";
import type { RedisDatabase } from "./database.ts";
import type { Argument } from "./link.ts";
import { DEAD_LETTERS } from "./lua/dead-letters.ts";
import { ENVELOPES } from "./lua/envelopes.ts";
import { STATUSES } from "./lua/statuses.ts";
import { TASKS } from "./lua/tasks.ts";
import { listOf, numberOf, optionalTextOf, textOf } from "./reply.ts";
import type { Script } from "./script.ts";
import { script } from "./script.ts";
import { deadLetterOf, envelopeArguments } from "./stored-envelope.ts";

/** What a {@link RedisDeadLetters} is made of. */
export interface RedisDeadLettersOptions {
  /** Where the letters are. */
  readonly database: RedisDatabase;
  /** The namespace of all keys. */
  readonly namespace: string;
  /** The most characters of JSON text that an envelope may have. */
  readonly maxEnvelopeLength: number;
}

// So many at once, that no single script holds the server up for long.
const AT_ONCE = 500;

const TIME_DIGITS = 15;

/** Dead letters by id and by death; see `lua/dead-letters.ts`. */
export class RedisDeadLetters implements DeadLetterPrimitives {
  readonly #options: RedisDeadLettersOptions;

  /** Makes the store; nothing is sent. */
  constructor(options: RedisDeadLettersOptions) {
    this.#options = options;
  }

  /** Lists those that match, the latest first. */
  async list(filter: DeadLetterFilter, limit: number, before: DeadLetterPosition | undefined): Promise<readonly DeadLetter[]> {
    const { letters } = await this.#find(filter, limit, { newestFirst: true, before });
    return letters;
  }

  /** Reads one. */
  async get(id: string): Promise<DeadLetter | undefined> {
    const { letters } = await this.#byId([id]);
    return letters[0];
  }

  /** Publishes the oldest that match again; a status that is kept beside its letter goes on with it. */
  replay(request: ReplayRequest): Promise<readonly string[]> {
    return this.replayAs(request, { createsStatuses: false });
  }

  /** Replays, also with statuses for those whose own are not kept any more. */
  async replayAs(
    { filter, limit, delayMs, dryRun }: ReplayRequest,
    { createsStatuses }: { readonly createsStatuses: boolean },
  ): Promise<readonly string[]> {
    const { now, letters } = await this.#find(filter, limit, { newestFirst: false });
    if (dryRun || letters.length === 0) return letters.map(({ id }) => id);
    const { maxEnvelopeLength } = this.#options;
    const args: Argument[] = [createsStatuses ? 1 : 0];
    for (const { envelope, diedAt } of letters) {
      const { envelope: replayed, text } = toPublishItem(replayedEnvelope(envelope, now), { form: jsonText, maxEnvelopeLength });
      args.push(timeText(diedAt), JSON.stringify(replayed.meta), ...envelopeArguments({ envelope: { ...replayed, delayMs }, text }));
    }
    // Others may have replayed or forgotten some meanwhile.
    const done = listOf(await this.#run(REPLAY, args));
    return done.map((at) => letters[numberOf(at) - 1]?.id ?? "");
  }

  /** Forgets those that match. Answers how many. */
  async purge(filter: DeadLetterFilter): Promise<number> {
    const { ids, queue, since } = filter;
    if (ids !== undefined) {
      const { letters } = await this.#find(filter, ids.length, { newestFirst: false });
      return letters.length === 0 ? 0 : numberOf(await this.#run(FORGET, letters.flatMap(({ id, diedAt }) => [id, timeText(diedAt)])));
    }
    let purged = 0;
    for (let after: string | undefined = from(since);;) {
      const reply = listOf(await this.#run(PURGE, [indexOf(queue), after, AT_ONCE]));
      purged += numberOf(reply[0]);
      const last = textOf(reply[1]);
      if (last === "") return purged;
      after = `(${last}`;
    }
  }

  /** Deletes what of those is left that have expired. */
  async sweep(limit: number): Promise<number> {
    for (let swept = 0;;) {
      const portion = Math.min(AT_ONCE, limit - swept);
      const some = numberOf(await this.#run(SWEEP, [portion]));
      swept += some;
      if (some < portion || swept === limit) return swept;
    }
  }

  async #find(
    filter: DeadLetterFilter,
    limit: number,
    { newestFirst, before }: { readonly newestFirst: boolean; readonly before?: DeadLetterPosition | undefined },
  ): Promise<Found> {
    const { ids, queue, since = 0 } = filter;
    if (ids !== undefined) {
      const { now, letters } = await this.#byId(ids);
      const matching = letters
        .filter((letter) => (queue === undefined || letter.queue === queue) && letter.diedAt >= since)
        .filter((letter) => before === undefined || byDeath(letter, before) < 0)
        .sort(byDeath);
      return { now, letters: (newestFirst ? matching.reverse() : matching).slice(0, limit) };
    }
    const found: DeadLetter[] = [];
    let [low, high] = [from(since), before === undefined ? "+" : `(${timeText(before.diedAt)}${before.id}`];
    for (;;) {
      const args = [indexOf(queue), newestFirst ? 1 : 0, low, high, Math.min(AT_ONCE, limit - found.length)];
      const { now, letters, last } = toFound(listOf(await this.#run(LIST, args)));
      found.push(...letters);
      if (found.length === limit || last === "") return { now, letters: found };
      if (newestFirst) high = `(${last}`;
      else low = `(${last}`;
    }
  }

  async #byId(ids: readonly string[]): Promise<Found> {
    return toFound(listOf(await this.#run(GET, ids)));
  }

  #run(what: Script, args: readonly Argument[]): Promise<unknown> {
    return this.#options.database.run(what, this.#options.namespace, args);
  }
}

interface Found {
  /** When they were read, by the store's clock. */
  readonly now: number;
  readonly letters: DeadLetter[];
}

/** Reads when it was, the last one looked at, and ids with what is stored of them. */
function toFound(reply: readonly unknown[]): Found & { readonly last: string } {
  const now = numberOf(reply[0]);
  const letters: DeadLetter[] = [];
  for (let at = 2; at < reply.length; at += 2) {
    const value = optionalTextOf(reply[at + 1]);
    const letter = value === undefined ? undefined : deadLetterOf(textOf(reply[at]), value, now);
    if (letter !== undefined) letters.push(letter);
  }
  return { now, letters, last: textOf(reply[1]) };
}

function indexOf(queue: string | undefined): string {
  return queue === undefined ? "x" : `xd:${queue}`;
}

function from(since: number | undefined): string {
  return since === undefined ? "-" : `[${timeText(since)}`;
}

function timeText(at: number): string {
  return String(Math.min(at, 10 ** TIME_DIGITS - 1)).padStart(TIME_DIGITS, "0");
}

function byDeath(a: DeadLetterPosition, b: DeadLetterPosition): number {
  return a.diedAt - b.diedAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

const GET = script("deadLetters.get", [
  `
local keys, reply = {}, { now(), '' }
for from = 1, #ARGV, 1000 do
  for at = from, math.min(from + 999, #ARGV) do keys[at - from + 1] = ns .. 'e:' .. ARGV[at] end
  local values = call('MGET', unpack(keys, 1, math.min(1000, #ARGV - from + 1)))
  for at = 1, #values do
    reply[#reply + 1] = ARGV[from + at - 1]
    reply[#reply + 1] = values[at]
  end
end
return reply
`,
], { idempotent: true });

const LIST = script("deadLetters.list", [
  `
local key, limit, members = ns .. ARGV[1], tonumber(ARGV[5]), nil
if ARGV[2] == '1' then
  members = call('ZREVRANGEBYLEX', key, ARGV[4], ARGV[3], 'LIMIT', 0, limit)
else
  members = call('ZRANGEBYLEX', key, ARGV[3], ARGV[4], 'LIMIT', 0, limit)
end
local reply = { now(), #members == limit and members[limit] or '' }
for at = 1, #members do
  local id = sub(members[at], 16)
  local value = call('GET', ns .. 'e:' .. id)
  -- Another one of that id, which died later, has a place of its own.
  if value and sub(value, 43, 58) == 'd' .. sub(members[at], 1, 15) then
    reply[#reply + 1] = id
    reply[#reply + 1] = value
  end
end
return reply
`,
], { idempotent: true });

const FORGET = script("deadLetters.purge", [
  DEAD_LETTERS,
  `
local purged = 0
for at = 1, #ARGV, 2 do
  local letter = deadLetter(ARGV[at], ARGV[at + 1])
  if letter then
    unlist(letter)
    purged = purged + call('DEL', ns .. 'e:' .. letter.id)
  end
end
return purged
`,
], { evenWhenFull: true });

const PURGE = script("deadLetters.purge", [
  DEAD_LETTERS,
  `
local limit = tonumber(ARGV[3])
local members = call('ZRANGEBYLEX', ns .. ARGV[1], ARGV[2], '+', 'LIMIT', 0, limit)
local purged = 0
for at = 1, #members do
  local letter = deadLetter(sub(members[at], 16), sub(members[at], 1, 15))
  if letter then
    unlist(letter)
    purged = purged + call('DEL', ns .. 'e:' .. letter.id)
  end
end
return { purged, #members == limit and members[limit] or '' }
`,
], { evenWhenFull: true });

const REPLAY = script("deadLetters.replay", [
  ENVELOPES,
  DEAD_LETTERS,
  STATUSES,
  TASKS,
  `
local letters, replayed, ids = {}, {}, {}
for item = 2, #ARGV, 6 do ids[#ids + 1] = ARGV[item + 2] end
loadStatuses(ids)
for at = 1, #ids do
  local item = at * 6 - 4
  local letter = deadLetter(ids[at], ARGV[item])
  if letter then
    requireDeadLetterSets(letter.queue)
    letters[#letters + 1], replayed[#replayed + 1] = letter, at
    local queue, rest, current = ARGV[item + 3], ARGV[item + 5], statusOf(ids[at])
    acceptEnvelope(ids[at], queue, ARGV[item + 4], rest)
    local attempt = attemptText(rest, 1)
    if (current or ARGV[1] == '1') and supersedes('queued', attempt, current) then
      local name, _, groupId = struct.unpack('sss', rest, 28)
      putStatus(ids[at], { state = 'queued', attempt = attempt, payload = '', error = '', meta = ARGV[item + 1], progress = '', name = name,
        queue = queue, worker = '', groupId = groupId, ttlMs = '' })
    end
  end
end
for at = 1, #letters do unlist(letters[at]) end
flushEnvelopes()
flushStatuses()
return replayed
`,
]);

const SWEEP = script("sweep.deadLetters", [
  `
local due = call('ZRANGEBYSCORE', ns .. 'xe', '-inf', now(), 'LIMIT', 0, tonumber(ARGV[1]))
for at = 1, #due do
  local parting = find(due[at], '\\0', 16, true)
  local diedAt, queue, id = sub(due[at], 1, 15), sub(due[at], 16, parting - 1), sub(due[at], parting + 1)
  call('ZREM', ns .. 'xe', due[at])
  call('ZREM', ns .. 'x', diedAt .. id)
  call('ZREM', ns .. 'xd:' .. queue, diedAt .. id)
  local expiresAt = call('ZSCORE', ns .. 'xq:' .. queue, id)
  if expiresAt and tonumber(expiresAt) <= now() then call('ZREM', ns .. 'xq:' .. queue, id) end
  -- Redis has deleted it, unless it lives by a clock that was given.
  if call('GETRANGE', ns .. 'e:' .. id, 42, 57) == 'd' .. diedAt then call('DEL', ns .. 'e:' .. id) end
end
return #due
`,
], { idempotent: true, evenWhenFull: true });
