-- Which coupons have changed since a gateway last asked.
--
-- KEYS  version, changes   see changed.lua
-- ARGV  since              the version that the reader has
-- returns {version, run, coupon id, its version, ...}; version is '0' if no coupon ever changed, or Redis has lost it. `run`
--         names this server (../run.lua): after another run than before, any change may be missing. So may changes of long ago:
--         see copy-get.lua
local version, changes = KEYS[1], KEYS[2]
local answer = { redis.call('GET', version) or '0', thisRun() }
if answer[1] ~= ARGV[1] then
  for _, item in ipairs(redis.call('ZRANGEBYSCORE', changes, '(' .. ARGV[1], '+inf', 'WITHSCORES')) do
    answer[#answer + 1] = item
  end
end
return answer
