-- Puts the list of blocks on the board, unless it has this or a later revision of it.
--
-- KEYS  state     see publish.lua; its `blocks` is the revision of the list
--       blocks    string: the list as JSON
-- ARGV  epoch     of the intended board
--       revision  of the list
--       list      JSON
-- returns 1; -1 if it is another board, or there is none: then nothing was changed
local state, blocks = KEYS[1], KEYS[2]
local epoch, revision, list = ARGV[1], ARGV[2], ARGV[3]

local held = redis.call('HMGET', state, 'epoch', 'building', 'run', 'blocks')
if (held[1] or held[2]) ~= epoch or held[3] ~= thisRun() then
  return -1
end
if tonumber(revision) > tonumber(held[4] or '0') then
  redis.call('SET', blocks, list)
  redis.call('HSET', state, 'blocks', revision)
end
return 1
