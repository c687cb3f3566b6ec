-- A process says what it has under way, in the place of all it said before, and what it settled meanwhile.
-- ARGV[5..6] as in settle.lua. Answers: "stale" | how many processes have not joined yet.
if is_stale() then return 'stale' end
free(journal, 'p')
free(journal, 's')
apply(7)
local mine = base .. 'j:' .. journal
redis.call('HSET', mine, 'op', ARGV[5], 'line', ARGV[6])
redis.call('PERSIST', mine)
redis.call('ZREM', base .. 'dead', journal)
redis.call('ZADD', base .. 'alive', time_ms(), journal)
redis.call('SREM', base .. 'awaited', journal)
return tostring(redis.call('SCARD', base .. 'awaited'))
