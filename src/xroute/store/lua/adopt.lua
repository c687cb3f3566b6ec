-- What a dead process settled and Redis does not know yet, and the end of all it had under way.
-- ARGV[5]: that process's journal; ARGV[6]: the line up to which we think it is counted; ARGV[7]: up to which
-- it is now. Answers: "stale" | "line <n>" (it is another line) | "ok"
if is_stale() then return 'stale' end
local other = ARGV[5]
local its = base .. 'j:' .. other
local line = redis.call('HGET', its, 'line') or '0'
if line ~= ARGV[6] then return 'line ' .. line end
redis.call('HINCRBY', its, 'gen', 1)
redis.call('HSET', its, 'line', ARGV[7])
redis.call('EXPIRE', its, 2592000)
free(other, 'p')
free(other, 's')
apply(8)
redis.call('ZREM', base .. 'alive', other)
redis.call('ZREM', base .. 'dead', other)
redis.call('SREM', base .. 'awaited', other)
return 'ok'
