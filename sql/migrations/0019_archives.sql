-- Up Migration

-- Campaigns whose rows were written into a file and have left, or are leaving; see engine/archive. The row is there before the
-- first of them leaves, so who does not find something that was there finds this. It goes when all are back.
create table archives (
  campaign_id  integer primary key references campaigns,
  -- Its name, without the folder it lies in.
  file         text not null check (char_length(file) between 1 and 255),
  -- Of the file.
  sha256       bytea not null check (octet_length(sha256) = 32),
  -- How many rows stand in it, by table.
  counts       jsonb not null,
  -- The outcomes of the campaign, counted when all of it was there.
  totals       jsonb not null,
  written_at   timestamptz(3) not null default now(),
  -- When everything that may leave had left; null while it does.
  emptied_at   timestamptz(3),
  -- Slices in the file whose items are still needed here, by another campaign or a book that is to be made.
  slices_kept  integer not null default 0
);

-- Null: they stand in the archives of the campaigns that the slice carries. Its signed head stays, as chains are checked by it.
alter table slices alter items drop not null;

-- Rules of a campaign do not change by its entries having left.
create or replace function has_entries(of_campaign integer) returns boolean language plpgsql as $$
begin
  -- First without the lock: where there are some, nobody has to be waited for.
  if exists (select from entries where campaign_id = of_campaign)
     or exists (select from archives where campaign_id = of_campaign) then
    return true;
  end if;
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'campaign %: its rules change under read committed alone, as others do not see who has just entered', of_campaign
      using errcode = 'check_violation', constraint = 'campaigns_isolation';
  end if;
  perform from campaigns where campaign_id = of_campaign for update;
  return exists (select from entries where campaign_id = of_campaign);
end $$;

-- Down Migration

create or replace function has_entries(of_campaign integer) returns boolean language plpgsql as $$
begin
  -- First without the lock: where there are some, nobody has to be waited for.
  if exists (select from entries where campaign_id = of_campaign) then
    return true;
  end if;
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'campaign %: its rules change under read committed alone, as others do not see who has just entered', of_campaign
      using errcode = 'check_violation', constraint = 'campaigns_isolation';
  end if;
  perform from campaigns where campaign_id = of_campaign for update;
  return exists (select from entries where campaign_id = of_campaign);
end $$;
alter table slices alter items set not null;
drop table archives;
