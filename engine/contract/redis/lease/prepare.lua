-- Offers numbers to gateways, each with the token of its writer in the log.
--
-- KEYS  leases          see acquire.lua
-- ARGV  epoch           for which they were prepared
--       number, token   and so on
-- returns how many were offered; none while the registry is closed or open for another epoch
--
-- A number that is held, or offered already, is left unchanged.
local leases, epoch = KEYS[1], ARGV[1]

local run = thisRun()
if redis.call('HGET', leases, 'epoch') ~= epoch or redis.call('HGET', leases, 'run') ~= run then return 0 end
local count = 0
for index = 2, #ARGV, 2 do
  local number, token = ARGV[index], ARGV[index + 1]
  if redis.call('HEXISTS', leases, 'g:' .. number) == 0 then
    count = count + redis.call('HSETNX', leases, 'p:' .. number, token)
  end
end
return count
