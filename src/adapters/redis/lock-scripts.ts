import { ENDS } from "./lua/ends.ts";
import { USUAL_ACQUIRE, USUAL_RELEASE } from "./lua/usual-locks.ts";
import { script } from "./script.ts";

// A lock is the key `l:<key>`, which Redis deletes at its end: token, end and owner, parted by spaces. What is stored so must stay readable.
const STORED_LOCK = `
local function lockKey(key) return ns .. 'l:' .. key end
-- A script's now may be a millisecond ahead of that by which Redis deletes.
local function readLock(key)
  local token, endsAt, owner = string.match(call('GET', lockKey(key)) or '', '^(%d+) (%d+) (.*)$')
  if token and tonumber(endsAt) > now() then return token, tonumber(endsAt), owner end
end
local function isHeld(key, owner, token)
  local heldToken, _, heldOwner = readLock(key)
  return heldToken == token and heldOwner == owner
end
local function keepLock(key, owner, token, endsAt)
  call('SET', lockKey(key), token .. ' ' .. text(endsAt) .. ' ' .. owner, 'PXAT', pxat(endsAt))
  noteEnd('lx', key, endsAt)
end
`;

/** Takes the locks of which nobody holds one; no key comes twice. Answers now, the first of the tokens, and which were refused, counted from 1. */
export const ACQUIRE = script("acquire", [
  STORED_LOCK,
  `
local free, reply = {}, { now(), 0 }
for at = 1, #ARGV, 3 do
  if readLock(ARGV[at]) then reply[#reply + 1] = (at + 2) / 3 else free[#free + 1] = at end
end
if #free == 0 then return reply end
local first = draw(#free)
reply[2] = first
for nth = 1, #free do
  local at = free[nth]
  keepLock(ARGV[at], ARGV[at + 1], text(first + nth - 1), now() + ARGV[at + 2])
end
return reply
`,
], { usually: USUAL_ACQUIRE });

/** Moves the end of locks; no two are the same. Answers now, and which were lost, counted from 1. */
export const RENEW = script("renew", [
  STORED_LOCK,
  `
local held, reply = {}, { now() }
for at = 1, #ARGV, 4 do
  if isHeld(ARGV[at], ARGV[at + 1], ARGV[at + 2]) then held[#held + 1] = at else reply[#reply + 1] = (at + 3) / 4 end
end
for _, at in ipairs(held) do keepLock(ARGV[at], ARGV[at + 1], ARGV[at + 2], now() + ARGV[at + 3]) end
return reply
`,
], { idempotent: true, evenWhenFull: true });

/** Gives locks back; no two are the same. Answers which were lost, counted from 1. */
export const RELEASE = script("release", [
  STORED_LOCK,
  `
local held, lost = {}, {}
for at = 1, #ARGV, 3 do
  if isHeld(ARGV[at], ARGV[at + 1], ARGV[at + 2]) then held[#held + 1] = ARGV[at] else lost[#lost + 1] = (at + 2) / 3 end
end
for _, key in ipairs(held) do
  call('DEL', lockKey(key))
  tell('l:' .. key)
end
return lost
`,
], { usually: USUAL_RELEASE });

/** Hands a lock over. Answers the new token and end; nothing when it was lost. */
export const TRANSFER = script("transfer", [
  STORED_LOCK,
  `
local key, owner, token, heir, ttlMs = unpack(ARGV)
if not isHeld(key, owner, token) then return {} end
local next, endsAt = draw(1), now() + ttlMs
keepLock(key, heir, text(next), endsAt)
return { next, endsAt }
`,
], { evenWhenFull: true });

// What is read is judged by the time of a script, too: Redis itself deletes a lock up to a millisecond later.
const READ = `
local token, endsAt, owner = readLock(ARGV[1])
if not token then return {} end
return { token, endsAt, owner, endsAt - now() }
`;

/** Reads a lock: its token, end, owner, and how long it lasts yet; nothing when nobody holds the key. */
export const OWNER_OF = script("ownerOf", [STORED_LOCK, READ], { idempotent: true });

/** As {@link OWNER_OF}, for those who wait. */
export const ENDS_IN = script("acquire.endsIn", [STORED_LOCK, READ], { idempotent: true });

/** As {@link OWNER_OF}, for those who hold a token. */
export const IS_CURRENT = script("isCurrent", [STORED_LOCK, READ], { idempotent: true });

/** Deletes locks that ended by a clock that Redis does not know, at most so many. Answers how many. */
export const SWEEP_LOCKS = script("sweep.locks", [
  STORED_LOCK,
  ENDS,
  `return sweepEnds('lx', tonumber(ARGV[1]), function(key)
  return not readLock(key) and call('DEL', lockKey(key)) == 1
end)`,
], { idempotent: true });
