-- Takes one of a key's allowance, by the generic cell rate algorithm and by the clock of this server. All times are in
-- microseconds.
--
-- KEYS[1]  holds when the allowance is whole again, and is gone once it is
-- ARGV[1]  what a call costs
-- ARGV[2]  what the whole allowance costs
-- ARGV[3]  how long it is, as far as the caller knows, until the allowance is whole again
-- ARGV[4]  by how much the caller must know better, so that a slow network is not taken for knowledge
--
-- Gives whether the call is allowed, and how long it is from now until the allowance is whole again.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local each, burst = tonumber(ARGV[1]), tonumber(ARGV[2])

local whole_at = tonumber(redis.call('GET', KEYS[1]) or now) or now
local known = now + tonumber(ARGV[3])
local lost = known > whole_at + tonumber(ARGV[4])
if lost then
    whole_at = known
end
-- Never further away than the whole allowance: should the clock step back, nobody waits for it to catch up.
whole_at = math.min(math.max(whole_at, now), now + burst)

local allowed = whole_at + each - now <= burst
if allowed then
    whole_at = whole_at + each
end
if (allowed or lost) and whole_at > now then
    redis.call('SET', KEYS[1], string.format('%.0f', whole_at), 'PX', math.ceil((whole_at - now) / 1000))
end
return { allowed and 1 or 0, whole_at - now }
