-- What every script begins with: where the counters are, and the ways in which they change.
-- KEYS[1] is "{prefix}:epoch". Every other key is "{prefix}:<epoch>:..." with the same hash tag, so that a
-- cluster has them in one place; they are named here, as only the counters know what a dead process held.
-- ARGV: the epoch, the journal, its generation, the time in ms ('' = Redis's own). Amounts stay text where
-- they are added to a sum: Redis adds 64-bit integers, a number of Lua is exact to 2^53 only.
local epoch, journal, gen, clock = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local base = string.sub(KEYS[1], 1, -6) .. epoch .. ':'

local now_ms -- the same for all that a script does
local function time_ms()
  if clock ~= '' then return tonumber(clock) end
  if not now_ms then
    local time = redis.call('TIME')
    now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  return now_ms
end

-- Whether the counters were made anew, or this journal was declared dead, or has another connection.
local function is_stale()
  return redis.call('GET', KEYS[1]) ~= epoch or redis.call('HGET', base .. 'j:' .. journal, 'gen') ~= gen
end

local function minus(amount)
  if string.sub(amount, 1, 1) == '-' then return string.sub(amount, 2) end
  return '-' .. amount
end

local function expire(name, until_ms)
  if until_ms ~= '0' then redis.call('PEXPIREAT', name, until_ms) end
end

local function spend(key, amount, until_ms)
  local name = base .. 'p:' .. key
  if redis.call('HINCRBY', name, 's', amount) == tonumber(amount) then expire(name, until_ms) end
end

-- Money that `owner` holds. What is freed of a purse that is over leaves nothing behind.
local function hold(owner, key, amount, until_ms)
  local name, mine = base .. 'p:' .. key, base .. 't:' .. owner
  if redis.call('HINCRBY', name, 'h', amount) == tonumber(amount) then
    if tonumber(amount) <= 0 then redis.call('HDEL', name, 'h') else expire(name, until_ms) end
  end
  if redis.call('HINCRBY', mine, 'p' .. key, amount) == 0 then redis.call('HDEL', mine, 'p' .. key) end
end

local function occupy(owner, key, count)
  local name, mine = base .. 's:' .. key, base .. 't:' .. owner
  if redis.call('INCRBY', name, count) <= 0 then redis.call('DEL', name) end
  if redis.call('HINCRBY', mine, 's' .. key, count) == 0 then redis.call('HDEL', mine, 's' .. key) end
end

-- A rate is a row of buckets, oldest first, three numbers each: when it was begun, when it last took, how much.
-- What limits/rate.py does, to the letter.
local rate = {}

function rate.read(key, period, now)
  local packed = redis.call('GET', base .. 'r:' .. key)
  local found = packed and cmsgpack.unpack(packed) or {}
  if #found > 0 and now < found[#found - 2] - period then return {} end -- the clock was set back
  local kept = {}
  for i = 1, #found, 3 do
    if #kept > 0 or found[i + 1] + period > now then
      kept[#kept + 1], kept[#kept + 2], kept[#kept + 3] = found[i], found[i + 1], found[i + 2]
    end
  end
  return kept
end

function rate.write(key, period, buckets)
  redis.call('SET', base .. 'r:' .. key, cmsgpack.pack(buckets), 'PX', period + 1000)
end

function rate.take(buckets, period, amount, now)
  local newest = #buckets - 2
  if newest < 1 or now >= buckets[newest] + period / 12 then
    newest = newest + 3
    buckets[newest], buckets[newest + 1], buckets[newest + 2] = now, now, 0
  end
  buckets[newest + 1] = math.max(buckets[newest + 1], now)
  buckets[newest + 2] = buckets[newest + 2] + amount
end

function rate.give_back(buckets, amount, taken)
  for i = #buckets - 2, 1, -3 do
    if buckets[i] <= taken then
      buckets[i + 2] = buckets[i + 2] - math.min(amount, buckets[i + 2])
      return
    end
  end
end

-- What calls have taken of a rate more (or less) than their worst cases.
local function correct(key, period, of, amounts)
  local now, buckets, is_changed = time_ms(), nil, false
  for i = 15, #amounts, 8 do
    local amount = tonumber(amounts[i + of])
    if amount ~= 0 then
      buckets, is_changed = buckets or rate.read(key, period, now), true
      if amount > 0 then
        rate.take(buckets, period, amount, now)
      else
        rate.give_back(buckets, -amount, tonumber(amounts[i]))
      end
    end
  end
  if is_changed and #buckets > 0 then rate.write(key, period, buckets) end
end

-- What a purse begins with: what was spent in its window before it was made. It is not made less.
local function begin(key, amount, until_ms)
  local spent = tonumber(redis.call('HGET', base .. 'p:' .. key, 's') or '0')
  if spent < tonumber(amount) then
    redis.call('HSET', base .. 'p:' .. key, 's', amount)
    expire(base .. 'p:' .. key, until_ms)
  end
end

-- Frees what `owner` has taken: "p" its money, "s" its slots.
local function free(owner, kind)
  local taken = redis.call('HGETALL', base .. 't:' .. owner)
  for i = 1, #taken, 2 do
    local found, key, amount = string.sub(taken[i], 1, 1), string.sub(taken[i], 2), minus(taken[i + 1])
    if found == kind and kind == 'p' then hold(owner, key, amount, '0') end
    if found == kind and kind == 's' then occupy(owner, key, amount) end
  end
end

-- Entries of five: what changes, the counter's key, and three words of that change.
-- "calls" has amounts for the entries after it: of seven measures the sum of the worst cases, of seven the sum
-- of what was taken, and of each call that took something else than its worst case eight numbers for rates: when
-- it was let in (ms), and by how much it took more of each measure.
local function apply(from)
  local amounts
  for i = from, #ARGV, 5 do
    local what, key, a, b = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
    if what == 'calls' then
      amounts = {}
      for amount in string.gmatch(a, '%-?%d+') do amounts[#amounts + 1] = amount end
    elseif what == 'call-purse' then
      local held, taken = amounts[tonumber(a)], amounts[a + 7]
      if taken ~= '0' then spend(key, taken, b) end
      if held ~= '0' then hold(journal, key, minus(held), b) end
    elseif what == 'call-slots' then
      occupy(journal, key, minus(amounts[tonumber(a)]))
    elseif what == 'call-rate' then
      correct(key, tonumber(b), tonumber(a), amounts)
    elseif what == 'spend' then
      spend(key, a, b)
    elseif what == 'hold' then
      hold(journal, key, a, b)
    elseif what == 'slot' then
      occupy(journal, key, a)
    else
      begin(key, a, b)
    end
  end
end
