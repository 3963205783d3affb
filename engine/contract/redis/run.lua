-- Stands in front of every script; see redis.ts.
--
-- thisRun() names this server in its present run. Where it stands beside what was written, nothing of that was lost since: a
-- server that was started again may lack its last second, and a replica that took over has a name of its own.
--
-- A node of a Cluster that is a replica for a while and master again keeps its run_id, and has taken on what the master of
-- that time had heard. master_replid is another one with each take-over.
local function thisRun()
  local server = redis.call('INFO', 'server')
  local run = string.match(server, 'run_id:(%x+)')
  if not string.find(server, 'redis_mode:cluster', 1, true) then return run end
  return run .. ':' .. string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
end
