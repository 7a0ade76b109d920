/**
 * What the scripts that count the ends of a group's members share.
 *
 * - `g:<id>`: a hash: `total`, `ended`, `failed`, `members` (their ids, each ended by NUL), `meta`, `callback`, `createdAt`, `doneTtlMs`,
 *   `expiresAt`, `completedAt`, `dispatchedAt`, and of the latest claim of the callback `token` and `until`.
 * - `gm:<id>`: a hash: of each member its end, as state NUL payload NUL encoder NUL error; empty until it comes.
 * - `gc`: completed groups whose callback was not dispatched, by when they were completed. `gx`: those that expire, by when.
 *
 * @module
 */

/**
 * Counts ends of members.
 *
 * - `requireGroupIndexes()`: fails where an index has a wrong type: it stands before the first write.
 * - `groupOf(id, ...)`: the named fields of a group, as text or false; `nil` when there is none or it has expired.
 * - `reportGroup(groupId, taskId, state, payload, encoder, error)`: counts a member's end. Answers the group's total, ended, failed (texts or numbers) and
 *   whether this completed it, 1 or 0; nothing for an unknown group or member. Writes at once.
 */
export const GROUPS = `
local areGroupIndexesSound
local function requireGroupIndexes()
  if areGroupIndexesSound then return end
  for _, name in ipairs({ 'gc', 'gx' }) do call('ZCARD', ns .. name) end
  areGroupIndexesSound = true
end
local function groupOf(id, ...)
  local fields = call('HMGET', ns .. 'g:' .. id, 'total', 'expiresAt', ...)
  if not fields[1] or (fields[2] and tonumber(fields[2]) <= now()) then return nil end
  return fields
end
local function keepGroup(id, expiresAt)
  call('HSET', ns .. 'g:' .. id, 'expiresAt', text(expiresAt))
  call('PEXPIREAT', ns .. 'g:' .. id, pxat(expiresAt))
  call('PEXPIREAT', ns .. 'gm:' .. id, pxat(expiresAt))
  call('ZADD', ns .. 'gx', text(expiresAt), id)
end
local function reportGroup(groupId, taskId, state, payload, encoder, error)
  local group = groupOf(groupId, 'ended', 'failed', 'doneTtlMs', 'callback')
  if not group then return nil end
  local known = call('HGET', ns .. 'gm:' .. groupId, taskId)
  if not known then return nil end
  local total, ended, failed, completedNow = tonumber(group[1]), tonumber(group[3]), tonumber(group[4]), 0
  if known == '' then
    call('HSET', ns .. 'gm:' .. groupId, taskId, concat({ state, payload, encoder, error }, '\\0'))
    ended = call('HINCRBY', ns .. 'g:' .. groupId, 'ended', 1)
    if state ~= 'succeeded' then failed = call('HINCRBY', ns .. 'g:' .. groupId, 'failed', 1) end
    if ended == total then
      completedNow = 1
      call('HSET', ns .. 'g:' .. groupId, 'completedAt', text(now()))
      keepGroup(groupId, now() + group[5])
      if group[6] then call('ZADD', ns .. 'gc', text(now()), groupId) end
    end
  end
  return total, ended, failed, completedNow
end
`;
