import { ENDS } from "./lua/ends.ts";
import { script } from "./script.ts";

// Workers ask for both before they run a task, which frees memory: so they are answered although the server is full.

// A bucket is the key `r:<key>`, which Redis deletes when it is full: the microsecond at which it will be. What is stored so must stay readable.

/** Asks buckets, one after the other, as `takeFrom` of `token-bucket.ts` does. Answers how many microseconds each has to wait; 0 where it was given. */
export const TAKE = script("acquire", [
  `
local nowUs, fullAtUs, stored, keys = now() * 1000, {}, {}, {}
for at = 1, #ARGV, 3 do
  local key = ARGV[at]
  if not stored[key] then
    stored[key] = tonumber(call('GET', ns .. 'r:' .. key) or 0)
    fullAtUs[key], keys[#keys + 1] = stored[key], key
  end
end
local waits = {}
for at = 1, #ARGV, 3 do
  local key, costUs, emptyAtUs = ARGV[at], tonumber(ARGV[at + 1]), nowUs + ARGV[at + 2]
  local stands = math.max(nowUs, math.min(fullAtUs[key], emptyAtUs))
  local waitUs = stands + costUs - emptyAtUs
  if waitUs <= 0 then stands, waitUs = stands + costUs, 0 end
  fullAtUs[key], waits[#waits + 1] = stands, waitUs
end
for _, key in ipairs(keys) do
  local at = fullAtUs[key]
  if at ~= stored[key] then
    local endsAt = math.ceil(at / 1000)
    call('SET', ns .. 'r:' .. key, text(at), 'PXAT', pxat(endsAt))
    noteEnd('rx', key, endsAt)
  end
end
return waits
`,
], { evenWhenFull: true });

// The permits of a key are the sorted set `p:<key>` of their ends by their holders, and the hash `pt:<key>` of their tokens; Redis deletes both at the
// last of the ends.
const PERMITS = `
local TIDIED_AT_ONCE = 1000
local function endsKey(key) return ns .. 'p:' .. key end
local function tokensKey(key) return ns .. 'pt:' .. key end
local function holdsPermit(key, holder, token)
  local heldToken, endsAt = call('HGET', tokensKey(key), holder), call('ZSCORE', endsKey(key), holder)
  return heldToken == token and endsAt and tonumber(endsAt) > now()
end
local function keepPermit(key, holder, endsAt)
  call('ZADD', endsKey(key), text(endsAt), holder)
  noteEnd('px', pack({ key, holder }), endsAt)
end
local function removeHolders(key, holders)
  if #holders == 0 then return end
  each('ZREM', endsKey(key), holders)
  each('HDEL', tokensKey(key), holders)
end
-- Behind every change: nothing stays behind a permit for longer than it takes until the next change, or until the last one ends.
local function tidyPermits(key)
  removeHolders(key, call('ZRANGEBYSCORE', endsKey(key), '-inf', now(), 'LIMIT', 0, TIDIED_AT_ONCE))
  local last = call('ZREVRANGE', endsKey(key), 0, 0, 'WITHSCORES')[2]
  if not last then return end
  local at = pxat(tonumber(last))
  call('PEXPIREAT', endsKey(key), at)
  call('PEXPIREAT', tokensKey(key), at)
end
local function tidyAll(keys) for key in pairs(keys) do tidyPermits(key) end end
`;

/** Gives permits, one after the other. Answers the first of the tokens, then for how many milliseconds each has to wait; 0 where it was given. */
export const ENTER = script("enter", [
  PERMITS,
  `
-- Whatever has a wrong type fails before anything is written.
call('GET', ns .. '#')
local counts, reply, given = {}, { 0 }, {}
for at = 1, #ARGV, 4 do
  local key = ARGV[at]
  if not counts[key] then
    call('HLEN', tokensKey(key))
    counts[key] = call('ZCOUNT', endsKey(key), '(' .. text(now()), '+inf')
  end
end
for at = 1, #ARGV, 4 do
  local key, holder, limit, waitMs = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), 0
  local endsAt = call('ZSCORE', endsKey(key), holder)
  local isHolder = endsAt and tonumber(endsAt) > now()
  if not isHolder and counts[key] >= limit then
    local first = call('ZRANGEBYSCORE', endsKey(key), '(' .. text(now()), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    waitMs = math.max(1, tonumber(first[2]) - now())
  else
    keepPermit(key, holder, now() + ARGV[at + 3])
    if not isHolder then counts[key] = counts[key] + 1 end
    given[#given + 1] = at
  end
  reply[#reply + 1] = waitMs
end
if #given == 0 then return reply end
local first, keys = draw(#given), {}
reply[1] = first
for nth, at in ipairs(given) do
  call('HSET', tokensKey(ARGV[at]), ARGV[at + 1], text(first + nth - 1))
  keys[ARGV[at]] = true
end
tidyAll(keys)
return reply
`,
], { idempotent: true, evenWhenFull: true });

/** Sets the ends of permits. Answers which were lost, counted from 1. */
export const RENEW_PERMITS = script("renewPermits", [
  PERMITS,
  `
local held, keys, lost = {}, {}, {}
for at = 1, #ARGV, 4 do
  if holdsPermit(ARGV[at], ARGV[at + 1], ARGV[at + 2]) then held[#held + 1] = at else lost[#lost + 1] = (at + 3) / 4 end
end
for _, at in ipairs(held) do
  keepPermit(ARGV[at], ARGV[at + 1], now() + ARGV[at + 3])
  keys[ARGV[at]] = true
end
tidyAll(keys)
return lost
`,
], { idempotent: true, evenWhenFull: true });

/** Takes permits back; none comes twice. Answers which were lost, counted from 1. */
export const LEAVE = script("leave", [
  PERMITS,
  `
local held, keys, lost = {}, {}, {}
for at = 1, #ARGV, 3 do
  if holdsPermit(ARGV[at], ARGV[at + 1], ARGV[at + 2]) then held[#held + 1] = at else lost[#lost + 1] = (at + 2) / 3 end
end
for _, at in ipairs(held) do
  removeHolders(ARGV[at], { ARGV[at + 1] })
  keys[ARGV[at]] = true
end
tidyAll(keys)
return lost
`,
]);

/** Deletes buckets and permits that are over by a clock that Redis does not know, at most so many of each. Answers how many. */
export const SWEEP_LIMITS = script("sweep.limits", [
  PERMITS,
  ENDS,
  `
local limit = tonumber(ARGV[1])
local buckets = sweepEnds('rx', limit, function(key)
  local bucket = ns .. 'r:' .. key
  return tonumber(call('GET', bucket) or math.huge) <= now() * 1000 and call('DEL', bucket) == 1
end)
return buckets + sweepEnds('px', limit, function(id)
  local key, holder = unpack(split(id))
  local endsAt = tonumber(call('ZSCORE', endsKey(key), holder) or math.huge)
  if endsAt > now() then return false end
  removeHolders(key, { holder })
  return true
end)
`,
], { idempotent: true });
