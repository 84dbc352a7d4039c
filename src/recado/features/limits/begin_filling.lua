-- Begin to fill the books of some limits; one at a time does. That we do is noted at each limit too:
-- whoever lets something pass meanwhile without asking it takes the note away, as he closes it.
--
-- KEYS[1] opened limits   KEYS[2] the claim to fill
-- ARGV[1] our claim       ARGV[2] milliseconds that it holds   ARGV[3…] marks
-- Returns 1, or 0 if somebody else fills, or has filled, one of them

local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
for index = 3, #ARGV do
  if redis.call('HGET', KEYS[1], ARGV[index]) == server then
    return 0
  end
end
if not redis.call('SET', KEYS[2], ARGV[1] .. ':' .. server, 'NX', 'PX', ARGV[2]) then
  return 0
end
for index = 3, #ARGV do
  redis.call('HSET', KEYS[1], ARGV[index], ARGV[1])
end
return 1
