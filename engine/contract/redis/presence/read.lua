-- Reports of presence behind a position, oldest first.
--
-- KEYS  stream   of the epoch's reports
--       mark     see begin.lua
-- ARGV  epoch    whose stream it is
--       after    the position of the last report that was read; 0-0 for none
--       count    how many at most
-- returns what XRANGE answers; nil when the stream was not begun under that epoch on this server in its present run: a report
--         that the server before had taken may be missing, and who is there be taken for absent
local stream, mark = KEYS[1], KEYS[2]
local epoch, after, count = ARGV[1], ARGV[2], ARGV[3]

local held = redis.call('HMGET', mark, 'epoch', 'run')
if held[1] ~= epoch or held[2] ~= thisRun() then return false end
return redis.call('XRANGE', stream, '(' .. after, '+', 'COUNT', count)
