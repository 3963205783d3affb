-- Begins the rebuild of a campaign's projection under an epoch: the old data is deleted, and nothing is told from it until
-- it is whole again.
--
-- KEYS  mark       hash: `epoch` and `run`, the epoch and the server that it is made under; `lacking`, `ranked`, `maker`, `by`,
--                  `atUs` and `joined` while it is made (take.lua, advance.lua, join.lua); `whole`, the epoch once it is whole
--       rank, won, withdrawn, gone, claimants, moves   see CampaignKeys
-- ARGV  epoch      of the registry, from the ledger: grows each time the registry is opened
--       ranking    '0' while no gateway has a lease; '1' when gateways may have ranked into what is deleted
-- returns 'stale' if it was begun under a later epoch: nothing is changed; 'whole' or 'building' if it was begun under this
--         epoch on this server before; else 'begun'
--
-- The mark is in the slot of the data it describes, and is lost together with it. `lacking` is '1' if ranks that gateways
-- wrote may be gone: then the projection is whole only when the ledger has every request from before this call. The engine
-- has to find out when that is: the clock of this node may not be the one that stamps are taken by.
local mark, rank = KEYS[1], KEYS[2]
local epoch, ranking = ARGV[1], ARGV[2]

local run = thisRun()
local held = redis.call('HMGET', mark, 'epoch', 'run', 'whole')
if held[1] and tonumber(held[1]) > tonumber(epoch) then return 'stale' end
if held[1] == epoch and held[2] == run then
  if held[3] then return 'whole' end
  return 'building'
end
local lacking = '0'
if ranking == '1' and redis.call('EXISTS', rank) == 1 then lacking = '1' end
redis.call('UNLINK', unpack(KEYS))
redis.call('HSET', mark, 'epoch', epoch, 'run', run, 'lacking', lacking, 'ranked', '-1', 'joined', '0')
return 'begun'
