-- Make a channel ours: from now on no earlier driver can reserve.
--
-- KEYS[1] lease   KEYS[2] in flight
-- ARGV[1] token (a number that grows with every taking)   ARGV[2] nonce
-- ARGV[3…] attempts of ours that are on the wire at this moment
--
-- Returns {taken (0|1), previous lease without its server, trusted (0|1), in flight before}; if not
-- taken, in place of the previous lease the token that is above ours.
-- Trusted: Redis has neither been flushed nor restarted since the previous driver took the channel,
-- so whatever it reserved is in the set in flight, and what is not there never left.

local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local previous = redis.call('GET', KEYS[1]) or ''
local token, nonce, previous_server = string.match(previous, '^(%d+):([^:]*):(%w+)$')
if token and tonumber(token) > tonumber(ARGV[1]) then
  return { 0, token, 0, {} }
end

local trusted = previous_server == server
local in_flight = redis.call('ZRANGE', KEYS[2], 0, -1)
redis.call('DEL', KEYS[2])
local clock = redis.call('TIME')
local now = string.format('%.0f', clock[1] * 1000000 + clock[2])
for index = 3, #ARGV do
  redis.call('ZADD', KEYS[2], now, ARGV[index])
end
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[2] .. ':' .. server)
if trusted then
  return { 1, token .. ':' .. nonce, 1, in_flight }
end
return { 1, '', 0, in_flight }
