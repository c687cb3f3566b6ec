-- Counters that are being made anew, by whoever has the lock. ARGV[1] is the lock's word too; ARGV[5]: for how many ms
-- it is ours. Entries: "spend" purse, amount, end | "line" journal, line | "lost" journal, call.
-- Answers: "lost" (somebody else makes them) | "ok"
local lock = string.sub(KEYS[1], 1, -6) .. 'building'
if redis.call('GET', lock) ~= epoch then return 'lost' end
redis.call('PEXPIRE', lock, ARGV[5])
for i = 6, #ARGV, 5 do
  if ARGV[i] == 'spend' then
    redis.call('HSET', base .. 'p:' .. ARGV[i + 1], 's', ARGV[i + 2])
    expire(base .. 'p:' .. ARGV[i + 1], ARGV[i + 3])
  elseif ARGV[i] == 'lost' then
    redis.call('HSET', base .. 'j:' .. ARGV[i + 1], 'lost:' .. ARGV[i + 2], '1')
  else
    redis.call('HSET', base .. 'j:' .. ARGV[i + 1], 'gen', 0, 'op', 0, 'line', ARGV[i + 2])
    redis.call('EXPIRE', base .. 'j:' .. ARGV[i + 1], 2592000)
  end
end
return 'ok'
