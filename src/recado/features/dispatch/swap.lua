-- Write a state only if it is still the one that was read.
--
-- KEYS[1] a hash; its field "version" is new with every writing
-- ARGV[1] the version that was read; empty: there was nothing
-- ARGV[2] milliseconds that it is kept for   ARGV[3…] field, value, field, value …
--
-- Returns what stands there instead, as HGETALL; nothing if it was written.

local version = redis.call('HGET', KEYS[1], 'version') or ''
if version ~= ARGV[1] then
  local there = redis.call('HGETALL', KEYS[1])
  if #there == 0 then
    there = { 'version', '' }
  end
  return there
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {}
