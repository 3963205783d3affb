-- Up Migration

-- When a campaign that has come to its end was put on the shelf: from then on Redis holds nothing of it, and who asks is
-- answered from here. Nothing that is told of it changes by that.
alter table campaigns
  add column shelved_at timestamptz(3),
  add constraint campaigns_shelved check (shelved_at is null or finished_at is not null);
-- What every pass reads, and what engines look for again and again: of all campaigns there ever were these are few.
create index campaigns_off_shelf on campaigns (campaign_id) where shelved_at is null;
create index campaigns_shelved_last on campaigns (shelved_at) where shelved_at is not null;

create function campaigns_shelved_once() returns trigger language plpgsql as $$
begin
  raise exception 'campaign % is on the shelf: it stays there', old.campaign_id
    using errcode = 'check_violation', constraint = 'campaigns_shelved_once';
end $$;
create trigger campaigns_shelved_once before update on campaigns for each row
  when (old.shelved_at is not null and new.shelved_at is distinct from old.shelved_at)
  execute function campaigns_shelved_once();

-- Of a campaign on the shelf, the rank (from 0) of its first entry and of every 1,024th behind it: that of any other is
-- counted from the one before. Without these a question would count up to all of its entries.
create table rank_marks (
  campaign_id  integer not null references campaigns,
  stamp        bigint not null,
  rank         bigint not null check (rank >= 0),
  primary key (campaign_id, stamp)
);

-- Down Migration

drop table rank_marks;
drop trigger campaigns_shelved_once on campaigns;
drop function campaigns_shelved_once();
alter table campaigns drop column shelved_at;
