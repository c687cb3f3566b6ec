-- A purse (ARGV[5]). Answers: "stale" | "<spent> <held>"
if is_stale() then return 'stale' end
local found = redis.call('HMGET', base .. 'p:' .. ARGV[5], 's', 'h')
return (found[1] or '0') .. ' ' .. (found[2] or '0')
