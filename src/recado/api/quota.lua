-- Counts a request of a caller, or says in how many seconds the next one may come.
-- KEYS[1]: when the latest counted ones came, in microseconds, the newest last.
-- ARGV: how many may come in a window; the window in seconds.
local at = redis.call('TIME')
local now = at[1] * 1000000 + at[2]
local window = ARGV[2] * 1000000
local earliest = redis.call('LINDEX', KEYS[1], -ARGV[1])
if earliest and now - earliest < window then
    return math.ceil((window - (now - earliest)) / 1000000)
end
redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
redis.call('LTRIM', KEYS[1], -ARGV[1], -1)
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 0
