-- Fill books with what PostgreSQL has on record, and open their limits. Nothing can have left under
-- them since the claim to fill them was made: whoever asked found them closed. A flush, a restart or
-- another claim meanwhile takes the claim away, and with it what was read. A request that did not ask
-- one of the limits, by an older setting, takes away what is noted there.
--
-- KEYS[1] opened limits   KEYS[2] the claim to fill   KEYS[3…] books
-- ARGV[1] our claim
-- ARGV[2] JSON: {marks, last, books: [{kind, life, goes_on, entries: [[member or minute, score or
--         count], …]}]} (texts); the last call opens the limits; life in milliseconds; goes_on: what
--         the book has so far is kept; the minutes in order
-- Returns 1, or 0 if the claim is gone: nothing is changed then.

local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if redis.call('GET', KEYS[2]) ~= ARGV[1] .. ':' .. server then
  return 0
end
local given = cjson.decode(ARGV[2])
for _, mark in ipairs(given.marks) do
  if redis.call('HGET', KEYS[1], mark) ~= ARGV[1] then
    return 0
  end
end
for index, book in ipairs(given.books) do
  local key = KEYS[2 + index]
  if not book.goes_on then
    redis.call('DEL', key)
  end
  if #book.entries > 0 then
    if book.kind == 'minutes' then
      local sum = 0
      redis.call('HSET', key, 'oldest', book.entries[1][1])
      for _, entry in ipairs(book.entries) do
        sum = sum + entry[2]
        redis.call('HINCRBY', key, entry[1], entry[2])
      end
      redis.call('HSET', key, 'sum', sum)
    elseif book.kind == 'interval' then
      redis.call('HSET', key, 'free_at', book.entries[1][2], 'streak', 0)
    elseif book.kind == 'rate' then
      redis.call('SET', key, book.entries[1][2])
    else
      for _, entry in ipairs(book.entries) do
        redis.call('ZADD', key, entry[2], entry[1])
      end
    end
    redis.call('PEXPIRE', key, book.life)
  end
end
if given.last then
  for _, mark in ipairs(given.marks) do
    redis.call('HSET', KEYS[1], mark, server)
  end
end
return 1
