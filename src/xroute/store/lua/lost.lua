-- Calls that the database has settled as lost, of the journal ARGV[5], each once. ARGV[6]: "dead", or "silent": then
-- it may be alive after all, and tell itself what they cost.
-- Entries: "call" id, and then the call's "spend" entries. Answers: "stale" | "alive" | "ok"
if is_stale() then return 'stale' end
if ARGV[6] == 'silent' and redis.call('ZSCORE', base .. 'alive', ARGV[5]) then return 'alive' end
local its, is_new = base .. 'j:' .. ARGV[5], false
for i = 7, #ARGV, 5 do
  if ARGV[i] == 'call' then
    is_new = redis.call('HSETNX', its, 'lost:' .. ARGV[i + 1], '1') == 1
  elseif is_new then
    spend(ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
  end
end
return 'ok'
