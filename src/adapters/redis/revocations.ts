import type { Logger } from "../../contracts/logger.ts";
import { validateId } from "../../model/id.ts";
import type { Clock } from "../../time/clock.ts";
import type { RevocationRow, RevocationWrite } from "../revocation-requests.ts";
import { RevocationsSurface } from "../revocations-surface.ts";
import { holding } from "../database-hold.ts";
import type { RedisHold } from "./database.ts";
import { channelOf } from "./keys.ts";
import { listOf, numberOf, textOf } from "./reply.ts";
import type { Script } from "./script.ts";
import { script } from "./script.ts";
import type { RedisOpenOptions, RedisUse } from "./open.ts";
import { openRedis, useRedis } from "./open.ts";

/** Options of {@link RedisRevokeStore}. */
export interface RedisRevokeStoreOptions {
  /** Keeps systems on one database apart. @default "stem" */
  readonly namespace?: string | undefined;
  /** Judges all times instead of the server's clock: for tests. @default the server's clock */
  readonly clock?: Clock | undefined;
  /** Where the store reports what nobody awaits. @default warnings and errors on the console */
  readonly logger?: Logger | undefined;
}

/**
 * A revoke store on Redis or Valkey.
 *
 * - `v`: a hash: of each target its decision. `vv`: the targets by version, `vx`: those that expire, by when.
 */
export class RedisRevokeStore extends RevocationsSurface {
  /** The namespace of all its keys. */
  readonly namespace: string;
  readonly #hold: RedisHold;

  /** Connects to a server, see {@link RedisStreamsBroker.connect}. */
  static async connect(url: string, options: RedisOpenOptions & RedisRevokeStoreOptions = {}): Promise<RedisRevokeStore> {
    return holding(await openRedis(url, options), 1, (hold) => new RedisRevokeStore(hold, options));
  }

  /** Works on the server of the caller's own ioredis client, with connections of its own; the client stays the caller's to close. */
  static async fromClient(client: object, options: RedisUse & RedisRevokeStoreOptions = {}): Promise<RedisRevokeStore> {
    return holding(await useRedis(client, options), 1, (hold) => new RedisRevokeStore(hold, options));
  }

  /** Made by the adapter's entry points. Closing it releases the hold. */
  constructor(hold: RedisHold, options: RedisRevokeStoreOptions = {}) {
    super({ ...options, what: `the ${hold.database.adapter} revoke store`, transactions: false });
    this.#hold = hold;
    this.namespace = validateId(options.namespace ?? "stem", "a namespace");
  }

  protected override async record(writes: readonly RevocationWrite[]): Promise<readonly RevocationRow[]> {
    return toRows(await this.#run(RECORD, writes.flatMap(writeArguments)));
  }

  protected override async find(targets: readonly string[]): Promise<readonly RevocationRow[]> {
    return toRows(await this.#run(FIND, targets));
  }

  protected override async listRows(limit: number, before: number): Promise<readonly RevocationRow[]> {
    return toRows(await this.#run(LIST, [limit, before]));
  }

  protected override async drop(targets: readonly string[]): Promise<readonly string[]> {
    return listOf(await this.#run(DROP, targets)).map((at) => targets[numberOf(at) - 1] ?? "");
  }

  protected override async prune(limit: number): Promise<number> {
    return numberOf(await this.#run(PRUNE, [limit]));
  }

  protected override listen(changed: () => void): Promise<() => void> {
    return this.#hold.database.signals.listen([channelOf(this.namespace, "v")], changed);
  }

  protected override disconnect(): Promise<void> {
    return this.#hold.release();
  }

  #run(what: Script, args: readonly (string | number)[]): Promise<unknown> {
    return this.#hold.database.run(what, this.namespace, args);
  }
}

function writeArguments({ target, terminate, before, expiresAt, expiresInMs, reason, requestedBy }: RevocationWrite) {
  const told = [reason, requestedBy].flatMap((text) => text === undefined ? [0, ""] : [1, text]);
  return [target, terminate ? 1 : 0, before ?? "", expiresAt ?? "", expiresInMs ?? "", ...told];
}

/** Reads a flat list of targets, each with what is stored of it behind it. */
function toRows(reply: unknown): readonly RevocationRow[] {
  const values = listOf(reply).map(textOf);
  const rows: RevocationRow[] = [];
  for (let at = 0; at < values.length; at += 2) rows.push(toRow(values[at] ?? "", values[at + 1] ?? ""));
  return rows;
}

function toRow(target: string, value: string): RevocationRow {
  const [version, revokedAt, expiresAt = "", before = "", terminate, hasReason, reason, hasRequester, requestedBy] = value.split("\0");
  return {
    target,
    version: numberOf(version),
    revokedAt: numberOf(revokedAt),
    expiresAt: expiresAt === "" ? undefined : Number(expiresAt),
    before: before === "" ? undefined : Number(before),
    terminate: terminate === "1",
    reason: hasReason === "1" ? reason : undefined,
    requestedBy: hasRequester === "1" ? requestedBy : undefined,
  };
}

/** `inForce(value)`: whether what is stored of a target counts. `readTargets(targets)`: what is stored of each, `false` where nothing is. */
const REVOCATIONS = `
local function requireKeys()
  -- Whatever has a wrong type fails before anything is written.
  call('HLEN', ns .. 'v')
  call('ZCARD', ns .. 'vv')
  call('ZCARD', ns .. 'vx')
end
local function inForce(value)
  if not value then return false end
  local fields = split(value)
  return fields[3] == '' or tonumber(fields[3]) > now()
end
local function readTargets(targets)
  return readEach(targets, function(...) return call('HMGET', ns .. 'v', ...) end)
end
`;

const RECORD = script("upsertAll", [
  REVOCATIONS,
  `
for at = 1, #ARGV, 9 do
  if ARGV[at + 3] ~= '' and tonumber(ARGV[at + 3]) <= now() then return {} end
end
requireKeys()
local version, values, versions, ends, endless = draw(#ARGV / 9), {}, {}, {}, {}
for at = 1, #ARGV, 9 do
  local target, expiresAt, before = ARGV[at], ARGV[at + 3], ARGV[at + 2]
  if ARGV[at + 4] ~= '' then expiresAt = text(now() + ARGV[at + 4]) end
  if before == '' and find(target, 'name ', 1, true) == 1 then before = text(now()) end
  values[#values + 1] = target
  values[#values + 1] = pack({ text(version), text(now()), expiresAt, before, ARGV[at + 1], ARGV[at + 5], ARGV[at + 6], ARGV[at + 7], ARGV[at + 8] })
  versions[#versions + 1], versions[#versions + 2] = text(version), target
  if expiresAt == '' then endless[#endless + 1] = target else ends[#ends + 1], ends[#ends + 2] = expiresAt, target end
  version = version + 1
end
each('HSET', ns .. 'v', values)
each('ZADD', ns .. 'vv', versions)
if #ends > 0 then each('ZADD', ns .. 'vx', ends) end
if #endless > 0 then each('ZREM', ns .. 'vx', endless) end
tell('v')
return values
`,
], { evenWhenFull: true });

const FIND = script("match", [
  REVOCATIONS,
  `
local found = {}
for at, value in ipairs(readTargets(ARGV)) do
  if inForce(value) then found[#found + 1], found[#found + 2] = ARGV[at], value end
end
return found
`,
], { idempotent: true });

const LIST = script("list", [
  REVOCATIONS,
  `
local limit, before, found = tonumber(ARGV[1]), ARGV[2], {}
repeat
  local some = call('ZRANGE', ns .. 'vv', '(' .. before, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 500, 'WITHSCORES')
  local targets = {}
  for at = 1, #some, 2 do targets[#targets + 1] = some[at] end
  if #targets == 0 then break end
  for at, value in ipairs(readTargets(targets)) do
    if inForce(value) then found[#found + 1], found[#found + 2] = targets[at], value end
    if #found == limit * 2 then return found end
  end
  before = some[#some]
until #targets < 500
return found
`,
], { idempotent: true });

// What is taken back is over from the beginning of time, and stays until it is pruned, as on every store.
const DROP = script("remove", [
  REVOCATIONS,
  `
local dropped, targets, values, ends = {}, {}, {}, {}
requireKeys()
for at, value in ipairs(readTargets(ARGV)) do
  if inForce(value) then
    local fields = split(value)
    fields[3] = '0'
    dropped[#dropped + 1], targets[#targets + 1] = at, ARGV[at]
    values[#values + 1], values[#values + 2] = ARGV[at], pack(fields)
    ends[#ends + 1], ends[#ends + 2] = 0, ARGV[at]
  end
end
if #targets > 0 then
  each('ZREM', ns .. 'vv', targets)
  each('ZADD', ns .. 'vx', ends)
  each('HSET', ns .. 'v', values)
  tell('v')
end
return dropped
`,
]);

const PRUNE = script("pruneExpired", [
  REVOCATIONS,
  `
requireKeys()
local targets = call('ZRANGE', ns .. 'vx', '-inf', now(), 'BYSCORE', 'LIMIT', 0, ARGV[1])
if #targets > 0 then
  each('ZREM', ns .. 'vx', targets)
  each('ZREM', ns .. 'vv', targets)
  each('HDEL', ns .. 'v', targets)
end
return #targets
`,
], { idempotent: true });
