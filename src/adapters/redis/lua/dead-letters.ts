/**
 * Dead letters: envelopes whose state is `d`, see `envelopes.ts`, listed in
 *
 * - `x` and `xd:<queue>`: all and those of a queue, every score 0, as `<died at, 15 digits><id>`: in the order of their deaths, so that a page can begin
 *   at any of them;
 * - `xq:<queue>`: ids by when they expire, which tells how many there are;
 * - `xe`: `<died at, 15 digits><queue> NUL <id>` by when they expire, for the sweep, which finds the key gone.
 *
 * What scripts share of it:
 *
 * - `requireDeadLetterSets(queue)`: fails where one of them has a wrong type.
 * - `enlist(id, queue, diedAt, expiresAt)`: lists one; `flushListings()` writes that.
 * - `deadLetter(id, diedAt)`: `{ id, diedAt, queue }` when it is there, unexpired, and died then (or whenever).
 * - `unlist(letter)`: lists it no more.
 */
export const DEAD_LETTERS = `
local soundDeadLetterSets = {}
local function requireDeadLetterSets(queue)
  if soundDeadLetterSets[queue] then return end
  for _, key in ipairs({ 'x', 'xe', 'xd:' .. queue, 'xq:' .. queue }) do call('ZCARD', ns .. key) end
  soundDeadLetterSets[queue] = true
end
local listings = {}
local function enlist(id, queue, diedAt, expiresAt)
  addTo(listings, 'x', diedAt .. id, 0)
  addTo(listings, 'xd:' .. queue, diedAt .. id, 0)
  addTo(listings, 'xq:' .. queue, id, expiresAt)
  addTo(listings, 'xe', pack({ diedAt .. queue, id }), expiresAt)
end
local function flushListings()
  for key, list in pairs(listings) do each('ZADD', ns .. key, list) end
end
local function deadLetter(id, diedAt)
  -- The names of task and queue have at most 765 bytes each.
  local state = call('GETRANGE', ns .. 'e:' .. id, 42, 1700)
  if sub(state, 1, 1) ~= 'd' or tonumber(sub(state, 17, 31)) <= now() then return nil end
  local _, queue = struct.unpack('ss', state, 32)
  local letter = { id = id, diedAt = sub(state, 2, 16), queue = queue }
  return (not diedAt or diedAt == letter.diedAt) and letter or nil
end
local function unlist(letter)
  call('ZREM', ns .. 'x', letter.diedAt .. letter.id)
  call('ZREM', ns .. 'xd:' .. letter.queue, letter.diedAt .. letter.id)
  call('ZREM', ns .. 'xq:' .. letter.queue, letter.id)
  call('ZREM', ns .. 'xe', pack({ letter.diedAt .. letter.queue, letter.id }))
end
`;
