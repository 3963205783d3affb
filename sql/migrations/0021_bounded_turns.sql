-- Up Migration

-- Turns are bounded: the first who leave, or come back into a line, are found without reading all of them.
drop index withdrawals_undecided;
create index withdrawals_undecided on withdrawals (campaign_id, stamp) where honoured is null;
drop index room_people_back;
create index room_people_back on room_people (campaign_id, stamp)
  where state = 'skipped' and absent_since_ms is null;

-- Down Migration

drop index room_people_back;
create index room_people_back on room_people (campaign_id) where state = 'skipped' and absent_since_ms is null;
drop index withdrawals_undecided;
create index withdrawals_undecided on withdrawals (campaign_id) where honoured is null;
