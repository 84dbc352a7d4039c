-- May these attempts leave now? One atomic answer, on Redis' own clock, for all limits at once.
--
-- KEYS[1] lease of the channel        value: token:nonce:server
-- KEYS[2] attempts in flight          sorted set, by the time they were granted
-- KEYS[3] not before                  microseconds
-- KEYS[4…] sliding windows, as many as ARGV[1] has       sorted sets, by the time of each grant
-- KEYS[…] two gates for each attempt  its run's and its contact's: there, with a reason, if closed
--
-- ARGV[1] JSON: {lease, in_flight, windows: [{limit, width}] (width in microseconds),
--                intervals: [microseconds] (one for each attempt; empty: none),
--                attempts: [id]}
--
-- Returns {verdict, wait, granted, at, gated}
--   verdict  "ok" | "lease" (it is no longer ours, or Redis has forgotten)
--   wait     microseconds until another could be granted; -1: until a slot in flight is free
--   granted  how many of the attempts, in their order, those gated left out
--   at       microseconds: the moment of the grants
--   gated    position, gate, what it holds, position, gate …

local ask = cjson.decode(ARGV[1])
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if redis.call('GET', KEYS[1]) ~= ask.lease .. ':' .. server then
  return { 'lease', '0', 0, '0', {} }
end

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local at = string.format('%.0f', now)
local first_gate = 4 + #ask.windows

-- How many there is room for, and how long until there is more.
local room = ask.in_flight - redis.call('ZCARD', KEYS[2])
local wait = 0
if room <= 0 then
  room, wait = 0, -1
end
for index, window in ipairs(ask.windows) do
  local key = KEYS[3 + index]
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - window.width)
  local used = redis.call('ZCARD', key)
  local free = window.limit - used
  if free <= 0 then
    local leaving = redis.call('ZRANGE', key, used - window.limit, used - window.limit, 'WITHSCORES')
    if wait >= 0 then
      wait = math.max(wait, tonumber(leaving[2]) + window.width - now + 1)
    end
    free = 0
  end
  room = math.min(room, free)
end
local paced = #ask.intervals > 0
local not_before = tonumber(redis.call('GET', KEYS[3]) or '0')
if now < not_before then
  room = 0
  if wait >= 0 then
    wait = math.max(wait, not_before - now)
  end
end
if paced then
  room = math.min(room, 1)
end

-- Who may go.
local granted, gated = 0, {}
for index, attempt in ipairs(ask.attempts) do
  local gate = KEYS[first_gate + 2 * index - 2]
  local closed = redis.call('GET', gate)
  if not closed then
    gate = KEYS[first_gate + 2 * index - 1]
    closed = redis.call('GET', gate)
  end
  if closed then
    gated[#gated + 1] = index - 1
    gated[#gated + 1] = gate
    gated[#gated + 1] = closed
  elseif granted < room then
    granted = granted + 1
    redis.call('ZADD', KEYS[2], now, attempt)
    for window_index, window in ipairs(ask.windows) do
      local key = KEYS[3 + window_index]
      -- A grant that died unused is taken back by this name, and asked for again under another.
      redis.call('ZADD', key, now, attempt .. '@' .. at)
      redis.call('PEXPIRE', key, math.ceil(window.width / 1000) + 1000)
    end
    if paced then
      local pause = ask.intervals[index]
      redis.call('SET', KEYS[3], string.format('%.0f', now + pause),
        'PX', math.ceil(pause / 1000) + 1000)
      wait = math.max(wait, pause)
    end
  end
end
return { 'ok', string.format('%.0f', wait), granted, at, gated }
