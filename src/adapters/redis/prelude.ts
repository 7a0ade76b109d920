const COMMON = `
local call, format, concat, find, sub, byte = redis.call, string.format, table.concat, string.find, string.sub, string.byte
local ns, clustered = KEYS[1], KEYS[2] ~= nil
local function text(number) return format('%.0f', number) end
local function serverTime()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
`;

/** Time is the server's. */
export const SERVER_CLOCK = `${COMMON}
local clock
local function now()
  clock = clock or serverTime()
  return clock
end
local function pxat(at) return text(at) end
local function noteEnd() end
`;

/** Time is what the first argument says: for tests with a clock of their own. */
export const GIVEN_CLOCK = `${COMMON}
local clock = tonumber(table.remove(ARGV, 1))
local function now() return clock end
local function pxat(at) return text(serverTime() + at - clock + 86400000) end
local function noteEnd(index, id, at)
  call('ZADD', KEYS[1] .. index, text(at), id)
  call('PEXPIREAT', KEYS[1] .. index, pxat(clock))
end
`;

/**
 * What every script begins with, behind {@link SERVER_CLOCK} or {@link GIVEN_CLOCK}: what the usual course of a script needs, too, and so as few functions
 * as can be, because each of them is made anew whenever a script is carried out.
 *
 * - `ns`: the prefix of the namespace's keys.
 * - `clustered`: whether the server is a node of a cluster, where a script sees the subscribers of its own node only.
 * - `now()`: the server's clock in milliseconds; the same throughout a script.
 * - `pxat(at)`: what to give PXAT or PEXPIREAT for something that ends at an instant. Under a given clock Redis deletes it later, so that scripts
 *   must not count on that: they compare the end with `now()`.
 * - `noteEnd(index, id, at)`: notes under a given clock in an index of its own what Redis deletes by itself under the server's, so that a sweep finds it.
 * - `draw(count)`: the first of `count` numbers in a row that are higher than every one drawn before in this namespace: tokens, places, versions.
 *   They follow the clock, so that they go on rising where a restart has lost the latest writes; exact, and below 9e14 (by the clock until the year 2069).
 * - `tell(topic)`: tells those who listen to a topic, and answers how many heard of it. News are hints: a user who may not use channels does
 *   without, and everybody looks from time to time.
 * - `listeners(topic)`: how many hear of it, on this node of a cluster.
 * - `text(number)`: a number in digits, exact where Lua's own `tostring` rounds to 14 of them.
 */
export const FIRST = `
local function draw(count)
  -- A clock that shows another age must not lift the numbers for good.
  local byClock = now() * 256 < 8e14 and now() * 256 or 0
  local first = math.max(tonumber(call('GET', ns .. '#') or 0), byClock) + 1
  call('SET', ns .. '#', text(first + count - 1))
  return first
end
local function tell(topic)
  local heard = redis.pcall('PUBLISH', ns .. '~' .. topic, '')
  return type(heard) == 'number' and heard or 0
end
local function listeners(topic)
  local told = redis.pcall('PUBSUB', 'NUMSUB', ns .. '~' .. topic)
  return tonumber(told[2]) or 0
end
`;

/**
 * What goes on behind {@link FIRST}.
 *
 * - `split(packed)`, `pack(fields)`: several texts in one, parted by NUL, which no id and no JSON text contains. An absent field is the empty text.
 * - `each(command, key, items)`: one command for many arguments, in portions that Lua's stack can hold; answers the sum of what it answered.
 *   `eachKey(command, keys)` is the same for a command that takes nothing but keys.
 * - `readEach(items, read)`: what `read(...)` answers to many arguments, called with such portions; one list.
 * - `addTo(lists, name, value, score)`: adds to the list of that name in a table of lists, behind its score where there is one.
 */
export const PRELUDE = `
local function split(packed)
  local fields, count, from = {}, 1, 1
  while true do
    local at = find(packed, '\\0', from, true)
    if not at then break end
    fields[count] = sub(packed, from, at - 1)
    count, from = count + 1, at + 1
  end
  fields[count] = sub(packed, from)
  return fields
end
local function pack(fields) return concat(fields, '\\0') end
local function each(command, key, items)
  local sum = 0
  for from = 1, #items, 5000 do
    sum = sum + call(command, key, unpack(items, from, math.min(from + 4999, #items)))
  end
  return sum
end
local function eachKey(command, keys)
  local sum = 0
  for from = 1, #keys, 5000 do sum = sum + call(command, unpack(keys, from, math.min(from + 4999, #keys))) end
  return sum
end
local function readEach(items, read)
  if #items > 0 and #items <= 5000 then return read(unpack(items)) end
  local values = {}
  for from = 1, #items, 5000 do
    local portion = read(unpack(items, from, math.min(from + 4999, #items)))
    for at = 1, #portion do values[from + at - 1] = portion[at] end
  end
  return values
end
local function addTo(lists, name, value, score)
  local list = lists[name]
  if not list then
    list = {}
    lists[name] = list
  end
  if score then list[#list + 1] = score end
  list[#list + 1] = value
end
`;
