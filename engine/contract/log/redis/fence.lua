-- Appends a gateway's fence, and has append.lua refuse what its incarnation appends from now on.
--
-- KEYS  stream, writers  see append.lua
-- ARGV  gateway          the gateway's number
--       incarnation      the one that ends, with those of the number before it
--       record           the bytes
-- returns the id of the entry
local stream, writers = KEYS[1], KEYS[2]
local gateway, incarnation, record = ARGV[1], ARGV[2], ARGV[3]

local fenced = redis.call('HGET', writers, gateway)
if not fenced or tonumber(fenced) < tonumber(incarnation) then
  redis.call('HSET', writers, gateway, incarnation)
end
return redis.call('XADD', stream, '*', 'r', record)
