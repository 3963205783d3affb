-- Prepended to every script; see redis.ts.
--
-- thisRun() names this server in its present run. If data carries the same name, nothing of it was lost since it was written: a
-- server that was restarted may lack its last second, and a replica that took over has its own name.
--
-- A node of a Cluster that becomes a replica for a while and master again keeps its run_id, and has copied the data of the
-- master of that time. master_replid changes with each takeover.
local function thisRun()
  local server = redis.call('INFO', 'server')
  local run = string.match(server, 'run_id:(%x+)')
  if not string.find(server, 'redis_mode:cluster', 1, true) then return run end
  return run .. ':' .. string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
end
