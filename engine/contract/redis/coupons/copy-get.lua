-- Returns the copy of what is shown of a code, unless its coupon has changed since the copy was read from the ledger.
--
-- KEYS  copy      hash: coupon, run and version (the greatest one when it was read), shop ('' for none), body
--       version, changes   see changed.lua
-- ARGV  how far the versions of changes that are kept may be behind the greatest one: of a copy that is further behind, a change may be gone
-- returns {version, run}, or {version, run, coupon id, version of the copy, shop, body, milliseconds for which it may be shown};
--         `run` names this server (../run.lua). A copy from another run is not shown: a later change may have been lost
local copy, version, changes = KEYS[1], KEYS[2], KEYS[3]
local run = thisRun()
local answer = { redis.call('GET', version) or '0', run }
local held = redis.call('HMGET', copy, 'coupon', 'version', 'body', 'run', 'shop')
if held[1] and held[4] == run then
  local changed = tonumber(redis.call('ZSCORE', changes, held[1]) or '0')
  local left = redis.call('PTTL', copy)
  if changed <= tonumber(held[2]) and answer[1] - ARGV[1] <= tonumber(held[2]) and left > 0 then
    answer[3], answer[4], answer[5], answer[6], answer[7] = held[1], held[2], held[5] or '', held[3], left
  end
end
return answer
