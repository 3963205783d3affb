-- Begins a campaign's projection anew under an epoch: what was there is deleted, and nothing is told from it until it is
-- whole again.
--
-- KEYS  mark       hash: `epoch` and `run`, the epoch and the server that it is made under; `lacking`, `ranked`, `maker`, `by`,
--                  `atUs` and `joined` while it is made (take.lua, advance.lua, join.lua); `whole`, the epoch once it is whole
--       rank, won, withdrawn, gone, claimants, moves   see CampaignKeys
-- ARGV  epoch      of the registry, from the ledger: grows each time the registry is opened
--       ranking    '0' while no gateway has a lease; '1' when gateways may have ranked into what is deleted
-- returns 'stale' when it was begun under a later epoch: nothing is changed; 'whole' or 'building' when this epoch has
--         begun it on this server before; else 'begun'
--
-- The mark lies in the slot of what it speaks of, and goes when that goes. `lacking` is '1' where ranks that gateways wrote
-- may be gone: it is whole only when the ledger has every request of before this. When this is, is for the engine to ask: the
-- clock of this node may be another one than stamps are taken by.
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
