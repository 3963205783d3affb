-- Reads reports of presence after a position, oldest first.
--
-- KEYS  stream   of the epoch's reports
--       mark     see begin.lua
-- ARGV  epoch    whose stream it is
--       after    the position of the last report that was read; 0-0 for none
--       count    the maximum number of reports
-- returns the answer of XRANGE; nil if the stream was not begun under that epoch on this server in its present run: a report
--         that the previous server had accepted may be missing, and a user who is there would be taken for absent
local stream, mark = KEYS[1], KEYS[2]
local epoch, after, count = ARGV[1], ARGV[2], ARGV[3]

local held = redis.call('HMGET', mark, 'epoch', 'run')
if held[1] ~= epoch or held[2] ~= thisRun() then return false end
return redis.call('XRANGE', stream, '(' .. after, '+', 'COUNT', count)
