-- Take grants back that died unused: their requests were never written, so they count for nothing.
--
-- KEYS[1] in flight   KEYS[2] not before   KEYS[3…] sliding windows
-- ARGV[1] the moment of the grants, in microseconds
-- ARGV[2] what their pause made of "not before"; empty: there was no pause
-- ARGV[3…] attempts

redis.call('ZREM', KEYS[1], unpack(ARGV, 3))
for index = 3, #KEYS do
  for position = 3, #ARGV do
    redis.call('ZREM', KEYS[index], ARGV[position] .. '@' .. ARGV[1])
  end
end
-- What stood there before had passed when they were granted.
if ARGV[2] ~= '' and redis.call('GET', KEYS[2]) == ARGV[2] then
  redis.call('DEL', KEYS[2])
end
return redis.status_reply('OK')
