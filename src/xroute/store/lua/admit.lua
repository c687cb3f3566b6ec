-- One call through all its gates, or through none.
-- ARGV[5]: how many gates. Six words of each: kind, measure (1..7), limit, a rate's period in ms or a purse's
-- end in unix ms ('0' = none), '1' where it refuses, key. The last word: the amounts of the seven measures.
-- Answers: "stale" | "1 <ms>[ <left> <reset ms>]..." of the rates
--   | "0 <ms>[ <left> <reset ms>]...[;<gate 0..> <left> <wait ms> <1 = only held>]..." of those that refuse
if is_stale() then return 'stale' end
local now, amounts = time_ms(), {}
for amount in string.gmatch(ARGV[#ARGV], '%d+') do amounts[#amounts + 1] = amount end

-- limit - a - b of whole numbers in text. Halves of nine digits are subtracted each for itself, so that the
-- difference is exact to 2^53 however large the numbers are.
local function halves(text)
  local sign, digits = 1, text
  if string.sub(text, 1, 1) == '-' then sign, digits = -1, string.sub(text, 2) end
  return sign * (tonumber(string.sub(digits, 1, -10)) or 0), sign * tonumber(string.sub(digits, -9))
end
local function difference(limit, a, b)
  local high, low = halves(limit)
  local high_a, low_a = halves(a)
  local high_b, low_b = halves(b)
  return (high - high_a - high_b) * 1e9 + (low - low_a - low_b)
end

-- After how many ms so much more of a rate is there.
local function wait(buckets, period, excess)
  local after = 0
  for i = 1, #buckets, 3 do
    if excess <= 0 then break end
    excess, after = excess - buckets[i + 2], buckets[i + 1] + period - now
  end
  return after
end

local refused, rates, takes, taken = {}, {}, {}, {}
local function refuse(gate, left, after, is_held)
  refused[#refused + 1] = string.format(';%d %.0f %.0f %d', gate, math.max(left, 0), after, is_held and 1 or 0)
end
local judge = {}
function judge.rate(gate, key, amount, limit, period, is_hard)
  local buckets, used, needed = rate.read(key, period, now), 0, tonumber(amount)
  for i = 3, #buckets, 3 do used = used + buckets[i] end
  local left = tonumber(limit) - used
  if is_hard and needed > left and needed > 0 then
    refuse(gate, left, wait(buckets, period, needed - left), false)
  end
  rates[#rates + 1] = { key, buckets, period, left, needed }
  return function()
    rate.take(buckets, period, needed, now)
    rate.write(key, period, buckets)
  end
end
function judge.purse(gate, key, amount, limit, until_ms, is_hard)
  local found = redis.call('HMGET', base .. 'p:' .. key, 's', 'h')
  local spent, held = found[1] or '0', found[2] or '0'
  local left = difference(limit, spent, held)
  if is_hard and tonumber(amount) > left and amount ~= '0' then
    refuse(gate, left, 0, tonumber(amount) <= difference(limit, spent, '0'))
  end
  return function()
    if amount ~= '0' then hold(journal, key, amount, until_ms) end
  end
end
function judge.slots(gate, key, amount, limit, _, is_hard)
  local left = tonumber(limit) - tonumber(redis.call('GET', base .. 's:' .. key) or '0')
  if is_hard and tonumber(amount) > left then refuse(gate, left, 0, false) end
  return function() occupy(journal, key, amount) end
end

for gate = 0, ARGV[5] - 1 do
  local at = 6 + gate * 6
  local kind, key, extra = ARGV[at], ARGV[at + 5], ARGV[at + 3]
  if kind == 'rate' then extra = tonumber(extra) end
  takes[kind .. key] = judge[kind](gate, key, amounts[tonumber(ARGV[at + 1])], ARGV[at + 2], extra, ARGV[at + 4] == '1')
end
local is_in = #refused == 0
if is_in then
  for _, take in pairs(takes) do take() end
end
local answer = { is_in and '1' or '0', string.format('%.0f', now) }
for _, found in ipairs(rates) do
  local _, buckets, period, left, needed = unpack(found)
  local reset = #buckets > 0 and buckets[#buckets - 1] + period - now or 0
  answer[#answer + 1] = string.format('%.0f %.0f', math.max(is_in and left - needed or left, 0), reset)
end
return redis.status_reply(table.concat(answer, ' ') .. table.concat(refused))
