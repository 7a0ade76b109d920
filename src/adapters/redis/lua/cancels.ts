/**
 * Ends tasks as cancelled. Stands behind `ENVELOPES`, `DEAD_LETTERS`, `SETTLEMENTS`, `STATUSES`, `TASKS`, `GROUPS` and `REPORTS`.
 *
 * - `cancelTask(id, failure, waitingOnly, ttlMs)`: answers what was found: `cancelled`, `running`, `ended` or `unknown`.
 * - `flushCancels()`: writes it.
 */
export const CANCELS = `
local function cancelTask(id, failure, waitingOnly, ttlMs)
  local status, value = statusOf(id), call('GET', ns .. 'e:' .. id)
  local isDead = value and sub(value, 43, 43) == 'd'
  if isDead then
    isDead = tonumber(sub(value, 59, 73)) > now()
    value = nil
  end
  if not status and not value then return isDead and 'ended' or 'unknown' end
  local queue, name, groupId, ownTtlMs, isHeld, attempt = '', '', '', '', nil, nil
  if value then
    queue, name, groupId, ownTtlMs = partsOf(value)
    attempt = attemptText(value, 17)
    isHeld = tonumber(call('ZSCORE', ns .. 'ql:' .. queue, id) or 0) > now()
  else
    isHeld = status[2] == 'running'
  end
  -- A failed task that is replayed waits at a higher attempt than its status tells of.
  if status and (status[2] ~= 'failed' or not attempt) then attempt = status[3] end
  local permitted = supersedes('cancelled', attempt, status)
  if isHeld and waitingOnly then return permitted and 'running' or 'ended' end
  if not permitted then return 'ended' end
  putStatus(id, { state = 'cancelled', attempt = attempt, payload = '', error = failure, meta = '', progress = '', name = name, queue = queue,
    worker = '', groupId = groupId, ttlMs = ownTtlMs ~= '' and ownTtlMs or ttlMs })
  if isHeld then return 'running' end
  if value then forgetWaiting(id, queue) end
  local cancelled = statusOf(id)
  -- What an attempt may have left is no result of a task that was cancelled.
  if cancelled[12] ~= '' then reportStatus(id, cancelled, '') end
  return 'cancelled'
end
local function flushCancels()
  flushSettlements()
  flushStatuses()
  flushReports()
end
`;
