-- Tells all gateways that coupons have changed: their copies of these coupons must not be shown any more.
--
-- KEYS  version   string: the greatest version there was
--       changes   sorted set: coupon id -> version at which it last changed; those of long ago are dropped (CHANGES_KEPT_US of copies.ts)
-- ARGV  how far the versions of changes that are kept may be behind the greatest one; coupon ids
-- returns the version of this change
--
-- A version is never used twice, even if Redis has lost its last seconds or everything: it is at least the time.
local version, changes = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local next = math.max(tonumber(redis.call('GET', version) or '0') + 1, now)
local text = string.format('%.0f', next)
redis.call('SET', version, text)
for at = 2, #ARGV do
  redis.call('ZADD', changes, text, ARGV[at])
end
redis.call('ZREMRANGEBYSCORE', changes, '-inf', string.format('%.0f', next - ARGV[1]))
return text
