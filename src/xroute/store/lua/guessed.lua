-- The calls of the journal ARGV[5] that were counted as lost. Answers: "stale" | their ids, with a space between
if is_stale() then return 'stale' end
local found = {}
for _, name in ipairs(redis.call('HKEYS', base .. 'j:' .. ARGV[5])) do
  if string.sub(name, 1, 5) == 'lost:' then found[#found + 1] = string.sub(name, 6) end
end
return table.concat(found, ' ')
