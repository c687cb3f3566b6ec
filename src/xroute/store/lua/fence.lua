-- A process has a new connection: from now on what was sent over the old one counts no more.
-- Answers: "none" (there are no counters) | "<epoch> <generation> <number of the last batch> <line>"
local current = redis.call('GET', KEYS[1])
if not current then return 'none' end
local mine = string.sub(KEYS[1], 1, -6) .. current .. ':j:' .. journal
local next_gen = redis.call('HINCRBY', mine, 'gen', 1)
local found = redis.call('HMGET', mine, 'op', 'line')
return table.concat({ current, next_gen, found[1] or '0', found[2] or '0' }, ' ')
