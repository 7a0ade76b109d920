/** The usual course of `ACQUIRE`: one lock, which nobody holds. One that Redis is about to delete is left to what follows. */
export const USUAL_ACQUIRE = `
if #ARGV == 3 then
  local key = ns .. 'l:' .. ARGV[1]
  if call('EXISTS', key) == 0 then
    local token, endsAt = draw(1), now() + ARGV[3]
    call('SET', key, text(token) .. ' ' .. text(endsAt) .. ' ' .. ARGV[2], 'PXAT', pxat(endsAt))
    noteEnd('lx', ARGV[1], endsAt)
    return { now(), token }
  end
end
`;

/** The usual course of `RELEASE`: one lock, which is held by who gives it back. */
export const USUAL_RELEASE = `
if #ARGV == 3 then
  local key = ns .. 'l:' .. ARGV[1]
  local token, endsAt, owner = string.match(call('GET', key) or '', '^(%d+) (%d+) (.*)$')
  if token == ARGV[3] and owner == ARGV[2] and tonumber(endsAt) > now() then
    call('DEL', key)
    tell('l:' .. ARGV[1])
    return {}
  end
end
`;
