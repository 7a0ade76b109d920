/**
 * Tells groups of ended tasks, once everything else was decided. Stands behind `GROUPS`.
 *
 * - `report(groupId, taskId, state, payload, encoder, failure)`: notes what a group is to be told, after a look at what will be written then.
 * - `reportStatus(id, fields, payload)`: the same of a status on record.
 * - `flushReports(told)`: tells the groups, and calls back with the number of each report and what `reportGroup` answered.
 */
export const REPORTS = `
local reports = {}
local function report(...)
  local groupId, taskId = ...
  requireGroupIndexes()
  groupOf(groupId)
  call('HGET', ns .. 'gm:' .. groupId, taskId)
  reports[#reports + 1] = { ... }
  return #reports
end
-- The only place where JSON is looked into, for the rare task of a group whose end was decided elsewhere.
local function encoderIn(meta)
  local isRead, values = pcall(cjson.decode, meta)
  local encoder = isRead and type(values) == 'table' and values['__stemResultEncoder']
  return type(encoder) == 'string' and encoder or ''
end
local function reportStatus(id, fields, payload)
  return report(fields[12], id, fields[2], payload, encoderIn(fields[15]), fields[14])
end
local function flushReports(told)
  for at = 1, #reports do
    local total, ended, failed, completedNow = reportGroup(unpack(reports[at]))
    if total and told then told(at, total, ended, failed, completedNow) end
  end
end
`;
