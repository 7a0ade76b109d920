/**
 * Sweeps what ended by a clock that was given. By its own, Redis deletes it itself: then nothing is noted, and there is nothing to sweep.
 *
 * - `sweepEnds(index, limit, remove)`: calls `remove` with what was noted under the index by `noteEnd` and has ended by now, until it has answered
 *   `limit` times that there was something to delete. Answers how often it did.
 */
export const ENDS = `
local function sweepEnds(index, limit, remove)
  local swept = 0
  while swept < limit do
    local ids = call('ZRANGEBYSCORE', ns .. index, '-inf', now(), 'LIMIT', 0, math.min(limit - swept, 1000))
    if #ids == 0 then break end
    for _, id in ipairs(ids) do
      if remove(id) then swept = swept + 1 end
    end
    each('ZREM', ns .. index, ids)
  end
  return swept
end
`;
