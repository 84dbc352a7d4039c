-- Open gates that hold what their opener has seen: KEYS[n] gate, ARGV[n] what it held.

for index, gate in ipairs(KEYS) do
  if redis.call('GET', gate) == ARGV[index] then
    redis.call('DEL', gate)
  end
end
