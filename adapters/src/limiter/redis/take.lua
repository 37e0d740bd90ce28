-- Takes one call from a key's allowance or gives one back, by the generic cell rate algorithm and by the clock of this
-- server. All times are in microseconds.
--
-- KEYS[1]  the time at which the allowance is full again; the key expires at that time
-- ARGV[1]  cost of the call; negative to give a call back
-- ARGV[2]  cost of the whole allowance
-- ARGV[3]  time until the allowance is full again, as far as the caller knows
-- ARGV[4]  smallest lead of the caller's knowledge that counts, so that a slow network does not look like lost data
--
-- Returns whether the call is allowed, and the time from now until the allowance is full again.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local each, burst = tonumber(ARGV[1]), tonumber(ARGV[2])

local whole_at = tonumber(redis.call('GET', KEYS[1]) or now) or now
local known = now + tonumber(ARGV[3])
local lost = known > whole_at + tonumber(ARGV[4])
if lost then
    whole_at = known
end
-- At most the whole allowance away: if the clock steps back, no client waits for it to catch up.
whole_at = math.min(math.max(whole_at, now), now + burst)

local allowed = whole_at + each - now <= burst
if allowed then
    -- A call that is given back never raises the allowance above the whole one.
    whole_at = math.max(whole_at + each, now)
end
if allowed or lost then
    local left = math.max(math.ceil((whole_at - now) / 1000), 1)
    redis.call('SET', KEYS[1], string.format('%.0f', whole_at), 'PX', left)
end
return { allowed and 1 or 0, whole_at - now }
