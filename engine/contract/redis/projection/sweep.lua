-- Deletes what an older epoch has left of a campaign whose projection was not begun since.
--
-- KEYS  as in begin.lua
-- ARGV  epoch   that is open
-- returns 1 if it was deleted; 0 if it was begun under this epoch or a later one, or does not exist
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch or tonumber(epoch) >= tonumber(ARGV[1]) then return 0 end
redis.call('UNLINK', unpack(KEYS))
return 1
