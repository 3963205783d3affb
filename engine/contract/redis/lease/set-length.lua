-- Sets the length of leases, while there is none.
--
-- KEYS  leases    see acquire.lua
-- ARGV  leaseUs   microseconds
-- returns 1 if it was set, else 0
--
-- Gateways and engines with different lease lengths would not agree on who is alive.
local leases, leaseUs = KEYS[1], ARGV[1]

for _, field in ipairs(redis.call('HKEYS', leases)) do
  if string.match(field, '^g:%d+$') then return 0 end
end
redis.call('HSET', leases, 'leaseUs', leaseUs)
return 1
