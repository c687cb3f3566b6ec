-- Forgets what is left of counters that are counters no more. ARGV[5]: where to go on; ARGV[6]: all our keys.
-- Answers: "stale" | where to go on, "0" at the end
local root = string.sub(KEYS[1], 1, -6)
if is_stale() or redis.call('EXISTS', root .. 'building') == 1 then return 'stale' end
local found = redis.call('SCAN', ARGV[5], 'MATCH', ARGV[6], 'COUNT', 1000)
for _, key in ipairs(found[2]) do
  if key ~= KEYS[1] and string.sub(key, 1, #base) ~= base then redis.call('UNLINK', key) end
end
return found[1]
