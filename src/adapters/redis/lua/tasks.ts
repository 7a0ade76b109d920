/**
 * Accepts tasks: an envelope and its status `queued` in one. Stands behind `ENVELOPES` and `STATUSES`.
 *
 * - `prepareTasks(ids)`: reads what is known of them, before anything is written.
 * - `enqueueTask(at)`: takes in the one whose five arguments, those of `taskArguments`, begin at that place of `ARGV`, unless its id is known: as that of
 *   an envelope, or of a task whose status is kept and that is not queued. Answers whether it did.
 * - `attemptText(value, from)`: the attempt that is written in ten digits there.
 *
 * Ends with `flushEnvelopes()` and `flushStatuses()`.
 */
export const TASKS = `
local knownTasks = {}
local function attemptText(value, from)
  local digits = sub(value, from, from + 9)
  if digits == '0000000001' then return '1' end
  return text(tonumber(digits))
end
local function prepareTasks(ids)
  if #ids == 0 then return end
  for id in pairs(knownEnvelopes(ids)) do knownTasks[id] = true end
  loadStatuses(ids)
end
local function enqueueTask(at)
  local id, queue, placing, rest, meta = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local current = statusOf(id)
  -- One that is queued and nowhere to be found: its producer was cut off between the status and the publication.
  if knownTasks[id] or (current and current[2] ~= 'queued') then return false end
  knownTasks[id] = true
  acceptEnvelope(id, queue, placing, rest)
  local name, _, groupId = struct.unpack('sss', rest, 28)
  putStatus(id, { state = 'queued', attempt = attemptText(rest, 1), payload = '', error = '', meta = meta, progress = '', name = name, queue = queue,
    worker = '', groupId = groupId, ttlMs = '' }, 'anew')
  return true
end
`;
