-- Appends a gateway's record to its partition, if the gateway may still write.
--
-- KEYS  stream       of the partition
--       writers      hash in the stream's slot: `epoch` that is open in the partition, and by gateway number the
--                    incarnation that was fenced last
-- ARGV  gateway      the gateway's number
--       incarnation  its incarnation
--       epoch        that of the incarnation
--       record       the bytes
-- returns the id of the entry; false when the writer is refused, for good
--
-- The epoch must be present: a Redis that was emptied, or never had this partition's marker, refuses every writer.
local stream, writers = KEYS[1], KEYS[2]
local gateway, incarnation, epoch, record = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local held = redis.call('HMGET', writers, 'epoch', gateway)
if held[1] ~= epoch then return false end
if held[2] and tonumber(held[2]) >= tonumber(incarnation) then return false end
return redis.call('XADD', stream, '*', 'r', record)
