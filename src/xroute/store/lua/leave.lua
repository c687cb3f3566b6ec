-- A process ends in order. What it still has under way is somebody else's to settle.
if is_stale() then return 'stale' end
free(journal, 's')
if redis.call('EXISTS', base .. 't:' .. journal) == 0 then redis.call('ZREM', base .. 'alive', journal) end
redis.call('EXPIRE', base .. 'j:' .. journal, 2592000)
return 'ok'
