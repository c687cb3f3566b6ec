-- Counters that were made anew are the counters now. ARGV[1] is the lock's word too; ARGV[5]: for how many ms the
-- others are waited for; ARGV[6..]: their journals. Answers: "lost" | "ok"
local root = string.sub(KEYS[1], 1, -6)
if redis.call('GET', root .. 'building') ~= epoch then return 'lost' end
for i = 6, #ARGV do redis.call('SADD', base .. 'awaited', ARGV[i]) end
redis.call('PEXPIRE', base .. 'awaited', ARGV[5])
redis.call('SET', KEYS[1], epoch)
redis.call('DEL', root .. 'building')
return 'ok'
