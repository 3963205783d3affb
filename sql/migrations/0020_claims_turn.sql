-- Up Migration

-- Turns of claims are bounded: the first that are due are found without reading all of them.
drop index claims_undecided;
create index claims_undecided on claims (campaign_id, stamp) where not decided;

-- Down Migration

drop index claims_undecided;
create index claims_undecided on claims (campaign_id) where not decided;
