import type { TaskStatus } from "../../model/task-status.ts";
import type { StatusQuery, StatusWrite } from "../result-requests.ts";
import type { ListedStatus } from "../results-surface.ts";
import type { RedisDatabase } from "./database.ts";
import { prefixOf } from "./keys.ts";
import { STATUS_ARGUMENT, STATUSES } from "./lua/statuses.ts";
import { USUAL_SET } from "./lua/usual-set.ts";
import { listOf, numberOf, textOf } from "./reply.ts";
import { script } from "./script.ts";
import { readListedStatus, readStatus, STATUS_ARGUMENTS, statusArguments } from "./stored-status.ts";

/** The states of which an index tells the tasks. */
const RARE_STATES: readonly string[] = ["retrying", "failed", "cancelled"];

/** How many places of an index one script looks at. */
const PORTION = 500;

/** Records statuses and reads them, see `lua/statuses.ts`. */
export class RedisStatuses {
  readonly #database: RedisDatabase;
  readonly #namespace: string;
  readonly #prefix: string;

  /** Makes the access; nothing is sent. */
  constructor(database: RedisDatabase, namespace: string) {
    this.#database = database;
    this.#namespace = namespace;
    this.#prefix = `${prefixOf(namespace)}s:`;
  }

  /** Records statuses in order, where the order of truth permits. Answers for each whether it did. */
  async set(writes: readonly StatusWrite[]): Promise<readonly boolean[]> {
    const refused = new Set(listOf(await this.#database.run(SET, this.#namespace, writes.flatMap(statusArguments))).map(numberOf));
    return writes.map((_, at) => !refused.has(at + 1));
  }

  /** Reads statuses; `undefined` where there is none. */
  async get(ids: readonly string[]): Promise<readonly (TaskStatus | undefined)[]> {
    const values = listOf(await this.#database.read("get", "MGET", ids.map((id) => this.#prefix + id)));
    const now = this.#database.givenNow;
    return ids.map((id, at) => {
      const value = values[at];
      return typeof value === "string" ? readStatus(id, value, now) : undefined;
    });
  }

  /** Lists those that match, the latest known first. */
  async list(query: StatusQuery, limit: number, before = Number.MAX_SAFE_INTEGER): Promise<readonly ListedStatus[]> {
    const { states = [], name = "", queue = "", meta } = query;
    const isRare = query.states?.every((state) => RARE_STATES.includes(state)) === true;
    const lists = isRare ? [...new Set(states)].map((state) => `sf:${state}`) : ["si"];
    const found: ListedStatus[] = [];
    for (let from = before; found.length < limit;) {
      const wanted = meta === undefined ? limit - found.length : PORTION;
      const args = [from, PORTION, wanted, name, queue, lists.length, ...lists, ...states];
      const [next, ...pairs] = listOf(await this.#database.run(LIST, this.#namespace, args));
      for (let at = 0; at < pairs.length; at += 2) {
        const listed = readListedStatus(textOf(pairs[at]), textOf(pairs[at + 1]));
        if (listed !== undefined && hasMeta(listed.status, meta)) found.push(listed);
      }
      if (next === null) break;
      from = numberOf(next);
    }
    return found.slice(0, limit);
  }

  /** Changes when a status ends; false when there is none. */
  async expire(id: string, ttlMs: number): Promise<boolean> {
    return numberOf(await this.#database.run(EXPIRE, this.#namespace, [id, ttlMs])) === 1;
  }

  /** Forgets a status; false when there is none. */
  async remove(id: string): Promise<boolean> {
    return numberOf(await this.#database.run(REMOVE, this.#namespace, [id])) === 1;
  }

  /** Deletes what names statuses that have expired, at most so many. Answers how many. */
  async sweep(limit: number): Promise<number> {
    let swept = 0;
    for (;;) {
      const portion = Math.min(limit - swept, PORTION);
      const [looked, gone, isLast] = listOf(await this.#database.run(SWEEP, this.#namespace, [portion])).map(numberOf);
      swept += gone ?? 0;
      if ((looked ?? 0) < portion || isLast === 1 || swept >= limit) return swept;
    }
  }
}

function hasMeta({ meta: stored }: TaskStatus, meta: StatusQuery["meta"]): boolean {
  return Object.entries(meta ?? {}).every(([key, value]) => Object.hasOwn(stored, key) && stored[key] === value);
}

const SET = script("set", [
  STATUSES,
  STATUS_ARGUMENT,
  `
local WIDTH = ${STATUS_ARGUMENTS}
local ids, refused = {}, {}
for at = 1, #ARGV, WIDTH do ids[#ids + 1] = ARGV[at] end
loadStatuses(ids)
for at = 1, #ids do
  local write, current = statusArgument((at - 1) * WIDTH + 1), statusOf(ids[at])
  local attempt = write.attempt
  if attempt == '' then attempt = current and current[3] or '1' end
  if supersedes(write.state, attempt, current) then putStatus(ids[at], write) else refused[#refused + 1] = at end
end
flushStatuses()
return refused
`,
], { usually: USUAL_SET });

// Of each portion of the indexes, all of which are seen at one time, those that match, until enough were found; then where to go on, or nothing at
// their end.
const LIST = script("list", [
  STATUSES,
  `
local before, portion, wanted, name, queue, lists = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5], tonumber(ARGV[6])
local states = #ARGV > 6 + lists and {}
for at = 7 + lists, #ARGV do states[ARGV[at]] = true end
local entries = {}
for at = 7, 6 + lists do
  local found = call('ZRANGE', ns .. ARGV[at], '(' .. before, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, portion, 'WITHSCORES')
  for next = 1, #found, 2 do entries[#entries + 1] = { id = found[next], score = found[next + 1], position = tonumber(found[next + 1]) } end
end
if lists > 1 then table.sort(entries, function(a, b) return a.position > b.position end) end
local reply, count = { false }, 0
for at = 1, math.min(#entries, portion) do
  local id, score = entries[at].id, entries[at].score
  local value = call('GET', ns .. 's:' .. id)
  local fields = readStatus(id, value)
  -- The index of a state may still name a task that was forgotten there, and has come back.
  if fields and tonumber(fields[1]) == entries[at].position and (not states or states[fields[2]])
    and (name == '' or fields[9] == name) and (queue == '' or fields[10] == queue) then
    reply[#reply + 1], reply[#reply + 2], count = id, value, count + 1
  end
  if count == wanted or at == portion then
    reply[1] = score
    return reply
  end
end
return reply
`,
], { idempotent: true });

const EXPIRE = script("expire", [
  STATUSES,
  `
local id = ARGV[1]
local fields = statusOf(id)
if not fields then return 0 end
noteStatus(id)
local changed = { unpack(fields) }
changed[8] = text(now() + ARGV[2])
statusCache[id] = changed
flushStatuses()
return 1
`,
], { evenWhenFull: true });

const REMOVE = script("remove", [
  STATUSES,
  `
if not statusOf(ARGV[1]) then return 0 end
dropStatus(ARGV[1])
flushStatuses()
return 1
`,
], { evenWhenFull: true });

// A span that has not passed yet is looked at as well, but what still lives there only once. What ends after the span is named anew: whoever moves
// an end back does not name it again. One that lives may have come back after it was forgotten: then indexes of states may name it still.
const SWEEP = script("sweep.statuses", [
  STATUSES,
  `
local limit, looked, swept, isLast = tonumber(ARGV[1]), 0, 0, 0
for _, span in ipairs(call('ZRANGE', ns .. 'sx', '-inf', now(), 'BYSCORE', 'LIMIT', 0, limit)) do
  if looked == limit or isLast == 1 then break end
  local list = ns .. 'sl:' .. span
  local ids = call('LRANGE', list, 0, limit - looked - 1)
  looked = looked + #ids
  loadStatuses(ids)
  local from, width = string.match(span, '^(%d+)/(%d+)$')
  local gone, keys, stays, isNamed = {}, {}, {}, {}
  local left = { retrying = {}, failed = {}, cancelled = {} }
  for at = 1, #ids do
    local fields = statusOf(ids[at])
    if not fields then
      gone[#gone + 1], keys[#keys + 1] = ids[at], ns .. 's:' .. ids[at]
    elseif fields[8] ~= '' and tonumber(fields[8]) >= tonumber(from) and tonumber(fields[8]) < from + width then
      stays[#stays + 1] = ids[at]
    elseif not isNamed[ids[at]] then
      isNamed[ids[at]] = true
      if fields[8] ~= '' and tonumber(fields[8]) >= from + width then expireIn(fields[8], ids[at]) end
      for state, names in pairs(left) do
        if state ~= fields[2] then names[#names + 1] = ids[at] end
      end
    end
  end
  call('LTRIM', list, #ids, -1)
  if #stays > 0 then
    each('RPUSH', list, stays)
    isLast = 1
  elseif call('EXISTS', list) == 0 then
    call('ZREM', ns .. 'sx', span)
  end
  if #gone > 0 then
    call('DEL', unpack(keys))
    swept = swept + each('ZREM', ns .. 'si', gone)
  end
  for state, names in pairs(left) do
    each('ZREM', ns .. 'sf:' .. state, gone)
    each('ZREM', ns .. 'sf:' .. state, names)
  end
end
flushSpans()
return { looked, swept, isLast }
`,
], { idempotent: true, evenWhenFull: true });
