-- Takes the rebuild of a campaign's projection, or takes it over from an engine that makes no progress.
--
-- KEYS  mark         see begin.lua
-- ARGV  epoch        under which it was begun
--       maker        names the engine
--       by           names its turn: no other turn has this name
--       patienceUs   how long another engine may be silent, microseconds
-- returns {'unmade'} if it was not begun under that epoch on this server; {'whole'}; {'taken'} while another engine has it;
--         else {'yours', ranked, lacking, before}: entries of the ledger are ranked up to the stamp `ranked`; `lacking` as in
--         begin.lua; `before` is the `by` of the previous turn, '' for the first since it was begun
local mark = KEYS[1]
local epoch, maker, by, patienceUs = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])

local run = thisRun()
local held = redis.call('HMGET', mark, 'epoch', 'run', 'whole', 'maker', 'atUs', 'ranked', 'lacking', 'by')
if held[1] ~= epoch or held[2] ~= run then return { 'unmade' } end
if held[3] then return { 'whole' } end
local time = redis.call('TIME')
local nowUs = time[1] * 1000000 + time[2]
if held[4] and held[4] ~= maker and math.abs(nowUs - tonumber(held[5])) < patienceUs then return { 'taken' } end
redis.call('HSET', mark, 'maker', maker, 'by', by, 'atUs', string.format('%.0f', nowUs))
return { 'yours', held[6], held[7] or '1', held[8] or '' }
