-- Up Migration

-- Whom a campaign's serials were passed on from, by user (sql/statements/people). Rows are few, and written when a serial passes on.
create index passed_on_user on passed_on (campaign_id, user_id);

-- Entries have no index by user alone. One person's campaigns are found by a probe of the primary key per campaign, at most 2,000 of
-- them a statement. Measured on PostgreSQL 15 with 1,000,000 entries of 100,000 users, beside other work (load 11 on two cores):
--
--   campaigns                                  50       2,000
--   probes, somebody who is in none of them    0.8 ms   9 to 16 ms
--   an index on (user_id)                      0.1 to 1.3 ms in both
--
-- The index would have 10 MB a million entries and be one more to write for each entry of a burst, all day, for a question that
-- is asked a few times an hour. `npm run bench -- support` repeats the first row.

-- Down Migration

drop index passed_on_user;
