-- May these attempts leave now? One atomic answer, on Redis' own clock, for all limits at once.
--
-- KEYS[1] lease of the channel        value: token:nonce:server
-- KEYS[2] opened limits               hash, mark → the server that has kept their books since
-- KEYS[3] attempts in flight          sorted set, by the time they were granted
-- KEYS[4] gate of the channel         there, with a reason, if closed; so are the others
-- KEYS[5] others in flight            that share the slots: those with the lease, or those without one,
--                                     of which nobody frees the slots of a worker that died
-- KEYS[6] what waits first            sorted set, until when: "who book", see below
-- KEYS[7…] books, as many as ARGV[1] has
-- KEYS[…] two gates for each attempt  its run's and its contact's
--
-- ARGV[1] JSON:
--   lease     ours; "" where there is none to be held
--   first     these come before all others: until they have left, or no longer ask, nobody else takes
--             of a limit what they wait for; to be asked for again within AGAIN, however long the wait
--   marks     of all books: they must be open
--   off       marks of limits that are not kept: they are closed once something leaves
--   books     [{kind, width, step, longer, after, by}]; width and pauses in microseconds
--   paths     [{slots, checks: [[book, most], …]}]: what the requests of one run must pass
--   attempts  [{id, path, chance, contact, delivery, own: [[book, most], …]}]
--   jitter    share of a pause that chance may add
--
-- Returns {verdict, …}
--   "lease"                it is no longer ours, or Redis has forgotten
--   "closed", marks        these limits' books must be filled first
--   "ok", at, results, ahead, used
--     at       microseconds: the moment of the grants
--     results  for each attempt 1 (granted), {gate, what it holds}, or {wait, book, full}
--     ahead    for each path {wait, book, full}: when one more of it could go
--     used     for each book how much of it is taken
-- A wait is in microseconds; book -1 is none; full is 1 if all slots in flight are taken.

local ask = cjson.decode(ARGV[1])
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if ask.lease ~= '' and redis.call('GET', KEYS[1]) ~= ask.lease .. ':' .. server then
  return { 'lease' }
end
if #ask.marks > 0 then
  local opened, closed = redis.call('HMGET', KEYS[2], unpack(ask.marks)), {}
  for index, mark in ipairs(ask.marks) do
    if opened[index] ~= server then
      closed[#closed + 1] = mark
    end
  end
  if #closed > 0 then
    return { 'closed', closed }
  end
end

local MINUTE = 60000000
local PATIENCE = 3000000 -- so late may somebody be whose turn has come
local AGAIN = 30000000 -- what waits for longer asks again by then: limits may be changed meanwhile
local NAP = 50000 -- before it is worth looking whether they have left
local WAITING_AT_MOST = 200 -- looked at; of so many the first ones keep the others' places
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local at = string.format('%.0f', now)
local minute = math.floor(now / MINUTE)

local function us(number)
  return string.format('%.0f', number)
end

local function keep(key, width)
  redis.call('PEXPIRE', key, math.ceil(width / 1000) + 1000)
end

-- Books: used() counts, wait() says when one more may go, write() notes a departure. -----------------

local function forget_old(key, book)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', us(now - book.width))
  book.used = redis.call('ZCARD', key)
end

local function oldest_leaves(key, book, most)
  if book.used < most then
    return 0
  end
  local leaving = redis.call('ZRANGE', key, book.used - most, book.used - most, 'WITHSCORES')
  return tonumber(leaving[2]) + book.width - now + 1
end

local kinds = {}

kinds.log = {
  open = forget_old,
  wait = oldest_leaves,
  write = function(key, book, attempt)
    -- A grant that died unused is taken back by this name, and asked for again under another.
    redis.call('ZADD', key, at, attempt.id .. '@' .. at)
    keep(key, book.width)
    book.used = book.used + 1
  end,
}

kinds.unique = {
  open = forget_old,
  wait = function(key, book, most, attempt)
    if attempt and redis.call('ZSCORE', key, attempt[book.by]) then
      return 0
    end
    -- With a mark: it was under way when the book was filled. It has a place, but no more than that.
    if attempt and redis.call('ZSCORE', key, '?' .. attempt[book.by]) then
      most = most + 1
    end
    return oldest_leaves(key, book, most)
  end,
  write = function(key, book, attempt)
    local doubt = redis.call('ZREM', key, '?' .. attempt[book.by])
    book.used = book.used - doubt + redis.call('ZADD', key, at, attempt[book.by])
    keep(key, book.width)
  end,
}

kinds.minutes = {
  open = function(key, book)
    local first = math.floor((now - book.width) / MINUTE)
    local oldest = tonumber(redis.call('HGET', key, 'oldest') or first)
    local sum = tonumber(redis.call('HGET', key, 'sum') or '0')
    if first > oldest then
      local gone = 0
      for from = oldest, first - 1, 500 do
        local fields = {}
        for each = from, math.min(from + 499, first - 1) do
          fields[#fields + 1] = us(each)
        end
        for _, count in ipairs(redis.call('HMGET', key, unpack(fields))) do
          gone = gone + tonumber(count or '0')
        end
        redis.call('HDEL', key, unpack(fields))
      end
      sum = sum - gone
      if redis.call('EXISTS', key) == 1 then
        redis.call('HSET', key, 'sum', sum, 'oldest', us(first))
      end
    end
    book.used, book.first = sum, first
  end,
  wait = function(key, book, most)
    local over = book.used - most
    if over < 0 then
      return 0
    end
    for each = book.first, minute do
      over = over - tonumber(redis.call('HGET', key, us(each)) or '0')
      if over < 0 then
        return (each + 1) * MINUTE + book.width - now + 1
      end
    end
    return book.width
  end,
  write = function(key, book)
    if redis.call('HSETNX', key, 'oldest', us(book.first)) == 1 then
      redis.call('HSETNX', key, 'sum', 0)
    end
    redis.call('HINCRBY', key, us(minute), 1)
    redis.call('HINCRBY', key, 'sum', 1)
    keep(key, book.width + MINUTE)
    book.used = book.used + 1
  end,
}

kinds.interval = {
  open = function(key, book)
    book.free_at = tonumber(redis.call('HGET', key, 'free_at') or '0')
    book.used = book.free_at > now and 1 or 0
  end,
  wait = function(_, book)
    return math.max(0, book.free_at - now)
  end,
  write = function(key, book, attempt)
    local before = tonumber(redis.call('HGET', key, 'streak') or '0')
    local streak, pause = before + 1, book.step
    if book.after > 0 and streak >= book.after then
      streak, pause = 0, book.longer
    end
    pause = math.floor(pause * (1 + ask.jitter * attempt.chance))
    book.free_at, book.used = now + pause, 1
    redis.call('HSET', key, 'free_at', us(book.free_at), 'streak', streak, 'before', before, 'at', at)
    -- The count of messages is kept for longer than a pause: work comes in bursts.
    keep(key, math.max(pause, 24 * 60 * MINUTE))
  end,
}

kinds.rate = {
  open = function(key, book)
    book.until_ = math.max(now, tonumber(redis.call('GET', key) or '0'))
    book.used = math.ceil((book.until_ - now) / book.step)
  end,
  wait = function(_, book, most)
    return math.max(0, book.until_ + book.step - now - book.step * most)
  end,
  write = function(key, book)
    book.until_ = book.until_ + book.step
    redis.call('SET', key, us(book.until_), 'PX', math.ceil((book.until_ - now) / 1000))
    book.used = book.used + 1
  end,
}

for index, book in ipairs(ask.books) do
  book.key = KEYS[6 + index]
  kinds[book.kind].open(book.key, book)
end
local loose = ask.lease == '' and KEYS[3] or KEYS[5]
redis.call('ZREMRANGEBYSCORE', loose, '-inf', us(now - MINUTE)) -- nobody frees these slots
local flying = redis.call('ZCARD', KEYS[3]) + redis.call('ZCARD', KEYS[5])

-- What those wait for who come first: books by their keys, slots by the key of the lease.
local kept, slots_kept = {}, 0
if not ask.first then
  local waiting = redis.call('ZRANGEBYSCORE', KEYS[6], '(' .. at, '+inf', 'LIMIT', 0, WAITING_AT_MOST)
  for _, member in ipairs(waiting) do
    kept[string.match(member, ' (.*)$')] = true
  end
  slots_kept = kept[KEYS[1]] and 1 or 0
end

local function let_wait(attempt, name, wait)
  redis.call('ZADD', KEYS[6], us(now + math.min(wait, AGAIN) + PATIENCE), attempt.delivery .. ' ' .. name)
  redis.call('EXPIRE', KEYS[6], 172800)
end

-- Who is counted already takes nothing from those who wait to be.
local function is_counted(book, attempt)
  return book.kind == 'unique' and attempt and redis.call('ZSCORE', book.key, attempt[book.by])
end

-- The longest wait of a list of checks, and the book that asks for it.
local function hold(checks, attempt, wait, holder)
  for _, check in ipairs(checks or {}) do
    local book = ask.books[check[1] + 1]
    local its = kinds[book.kind].wait(book.key, book, check[2], attempt)
    if kept[book.key] and not is_counted(book, attempt) then
      its = math.max(its, NAP)
    end
    if its > wait then
      wait, holder = its, check[1]
    end
  end
  return wait, holder
end

-- Who may go. What one attempt leaves no room for need not be asked again for the others of its run.
local first_gate = 7 + #ask.books
local paused = redis.call('GET', KEYS[4])
local results, granted, shut = {}, 0, {}
for index, attempt in ipairs(ask.attempts) do
  local gate, closed = KEYS[4], paused
  if not closed then
    gate = KEYS[first_gate + 2 * index - 2]
    closed = redis.call('GET', gate)
  end
  if not closed then
    gate = KEYS[first_gate + 2 * index - 1]
    closed = redis.call('GET', gate)
  end
  local path = ask.paths[attempt.path + 1]
  if closed then
    results[index] = { gate, closed }
  elseif shut[attempt.path] then
    results[index] = shut[attempt.path]
  else
    local full = flying + slots_kept >= path.slots
    local wait, holder = hold(path.checks, attempt, 0, -1)
    local own, own_holder = hold(attempt.own, attempt, 0, -1)
    if full or wait > 0 or own > 0 then
      if ask.first and own == 0 then
        if full then
          let_wait(attempt, KEYS[1], 0)
        end
        for _, check in ipairs(path.checks) do
          local its = hold({ check }, attempt, 0, -1)
          if its > 0 then
            let_wait(attempt, ask.books[check[1] + 1].key, its)
          end
        end
      end
      if own > wait then
        results[index] = { us(own), own_holder, full and 1 or 0 }
      else
        results[index] = { us(wait), holder, full and 1 or 0 }
        if full or ask.books[holder + 1].kind ~= 'unique' then
          shut[attempt.path] = results[index]
        end
      end
    else
      granted = granted + 1
      results[index] = 1
      flying = flying + 1
      redis.call('ZADD', KEYS[3], at, attempt.id)
      if ask.first then
        redis.call('ZREM', KEYS[6], attempt.delivery .. ' ' .. KEYS[1])
        for _, check in ipairs(path.checks) do
          redis.call('ZREM', KEYS[6], attempt.delivery .. ' ' .. ask.books[check[1] + 1].key)
        end
      end
      local written = {}
      for _, checks in ipairs({ path.checks, attempt.own or {} }) do
        for _, check in ipairs(checks) do
          if not written[check[1]] then
            written[check[1]] = true
            local book = ask.books[check[1] + 1]
            kinds[book.kind].write(book.key, book, attempt)
          end
        end
      end
    end
  end
end
if granted > 0 and #ask.off > 0 then
  redis.call('HDEL', KEYS[2], unpack(ask.off))
end

local ahead, used = {}, {}
for index, path in ipairs(ask.paths) do
  local wait, holder = hold(path.checks, nil, 0, -1)
  ahead[index] = { us(wait), holder, flying + slots_kept >= path.slots and 1 or 0 }
end
for index, book in ipairs(ask.books) do
  used[index] = book.used
end
return { 'ok', at, results, ahead, used }
