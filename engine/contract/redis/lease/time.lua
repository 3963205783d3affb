-- The time of the server that keeps the registry.
--
-- KEYS  leases   see acquire.lua
-- ARGV  (none)
-- returns {seconds, microseconds}, as TIME does
return redis.call('TIME')
