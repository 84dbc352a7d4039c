-- Take grants back that died unused: their requests were never written, so they count for nothing.
-- Only of a lease that still holds: books that were begun anew meanwhile know of them what they must.
--
-- KEYS[1] lease   KEYS[2] in flight   KEYS[3…] books
-- ARGV[1] JSON: {lease, at, books: [kind], attempts: [{id, books: [index]}]}

local ask = cjson.decode(ARGV[1])
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if ask.lease ~= '' and redis.call('GET', KEYS[1]) ~= ask.lease .. ':' .. server then
  return 0
end
local minute = string.format('%.0f', math.floor(tonumber(ask.at) / 60000000))
for _, attempt in ipairs(ask.attempts) do
  if redis.call('ZREM', KEYS[2], attempt.id) == 1 then -- or it is taken back already
    for _, index in ipairs(attempt.books) do
      local key, kind = KEYS[3 + index], ask.books[index + 1]
      if kind == 'log' then
        redis.call('ZREM', key, attempt.id .. '@' .. ask.at)
      elseif kind == 'minutes' then
        if tonumber(redis.call('HGET', key, minute) or '0') > 0 then
          redis.call('HINCRBY', key, minute, -1)
          redis.call('HINCRBY', key, 'sum', -1)
        end
      elseif kind == 'interval' and redis.call('HGET', key, 'at') == ask.at then
        -- The pause before it had passed when it was granted.
        redis.call('HSET', key, 'free_at', 0, 'streak', redis.call('HGET', key, 'before'))
      end
      -- Who was counted once stays counted: that errs on the side of the limit.
    end
  end
end
return 1
