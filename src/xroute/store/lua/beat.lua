-- A process lives, and looks after those that do not.
-- ARGV[5]: ms without a beat after which slots are free; ARGV[6]: the same for what is held of money, which is
-- longer, so that whoever finds the dead process's journal can put in its place what its calls cost.
-- Answers: "stale" | how many processes have not joined yet.
if is_stale() then return 'stale' end
clock = ''
local now = time_ms()
redis.call('ZADD', base .. 'alive', now, journal)
for _, other in ipairs(redis.call('ZRANGEBYSCORE', base .. 'alive', '-inf', now - ARGV[5])) do
  redis.call('ZADD', base .. 'dead', redis.call('ZSCORE', base .. 'alive', other), other)
  redis.call('ZREM', base .. 'alive', other)
  redis.call('HINCRBY', base .. 'j:' .. other, 'gen', 1)
  free(other, 's')
end
for _, other in ipairs(redis.call('ZRANGEBYSCORE', base .. 'dead', '-inf', now - ARGV[6])) do
  redis.call('ZREM', base .. 'dead', other)
  free(other, 'p')
end
return tostring(redis.call('SCARD', base .. 'awaited'))
