-- What settlements of one process change, in the order in which they came, each batch once.
-- ARGV[5]: the batch's number, one more than the last; ARGV[6]: the line of the journal up to which all is counted.
-- Answers: "stale" | "gap" (an earlier batch is missing: these counters are older than we know) | "ok"
if is_stale() then return 'stale' end
local mine = base .. 'j:' .. journal
if tonumber(redis.call('HGET', mine, 'op') or '0') ~= ARGV[5] - 1 then return 'gap' end
apply(7)
redis.call('HSET', mine, 'op', ARGV[5], 'line', ARGV[6])
return redis.status_reply('ok')
