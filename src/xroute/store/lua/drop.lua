-- Counters that are not to be trusted (ARGV[1]) are counters no more. Answers "ok"
if redis.call('GET', KEYS[1]) == epoch then redis.call('DEL', KEYS[1]) end
return 'ok'
