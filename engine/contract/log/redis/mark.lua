-- Appends the marker of an epoch, and makes append.lua refuse the appends of other epochs' incarnations from now on.
--
-- KEYS  stream, writers  see append.lua
-- ARGV  epoch            the one that the marker opens
--       record           the bytes
-- returns 1; 0 if a later epoch is open: it stays open, which shows that this epoch's number was used before
local stream, writers = KEYS[1], KEYS[2]
local epoch, record = ARGV[1], ARGV[2]

redis.call('XADD', stream, '*', 'r', record)
local open = redis.call('HGET', writers, 'epoch')
if open and tonumber(open) > tonumber(epoch) then return 0 end
if open ~= epoch then
  redis.call('DEL', writers)
  redis.call('HSET', writers, 'epoch', epoch)
end
return 1
