-- The copy of what is shown of a code, unless its coupon has changed since it was read from the ledger.
--
-- KEYS  copy      hash: coupon, version (the greatest one when it was read), body
--       version, changes   see changed.lua
-- returns {version}, or {version, coupon id, version of the copy, body, milliseconds that it may be shown for}
local copy, version, changes = KEYS[1], KEYS[2], KEYS[3]
local answer = { redis.call('GET', version) or '0' }
local held = redis.call('HMGET', copy, 'coupon', 'version', 'body')
if held[1] then
  local changed = tonumber(redis.call('ZSCORE', changes, held[1]) or '0')
  local left = redis.call('PTTL', copy)
  if changed <= tonumber(held[2]) and left > 0 then
    answer[2], answer[3], answer[4], answer[5] = held[1], held[2], held[3], left
  end
end
return answer
