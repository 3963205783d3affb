-- Up Migration

-- The round of drand that a raffle was drawn with; null: the announced one, or none. See roundOfFreeze in engine/draw/drand.ts.
alter table campaigns
  add column drand_round bigint check (drand_round >= 1),
  add constraint campaigns_drand_round check (drand_round is null or coalesce(seed_source, '') = 'drand');

create function campaigns_round_once() returns trigger language plpgsql as $$
begin
  raise exception 'campaign % has its seed: the round cannot change', old.campaign_id
    using errcode = 'check_violation', constraint = 'campaigns_round_once';
end $$;
create trigger campaigns_round_once before update on campaigns for each row
  when (old.seed is not null and new.drand_round is distinct from old.drand_round)
  execute function campaigns_round_once();

-- Whether terms of entrants may still change: until the close, as behind it the randomness could be known. By the clock as it is
-- now, not at the beginning of a transaction; and by the watermark, which goes on where a clock is set back.
create function terms_are_open(closes timestamptz, closing timestamptz, frozen timestamptz) returns boolean
language sql volatile as $$
  select frozen is null and clock_timestamp() < least(closes, closing)
         and not exists (select from watermarks where watermark_us >= extract(epoch from least(closes, closing)) * 1000000)
$$;

-- The lock keeps a freeze waiting until the terms are there, or them until it is over.
create or replace function entrant_terms_guard() returns trigger language plpgsql as $$
declare
  of_campaign constant integer := case when tg_op = 'INSERT' then new.campaign_id else old.campaign_id end;
begin
  perform from campaigns where campaign_id = of_campaign for share;
  if (tg_op = 'UPDATE' and new.campaign_id <> old.campaign_id)
     or not exists (select from campaigns
                     where campaign_id = of_campaign and kind = 'raffle'
                       and terms_are_open(closes_at, closing_at, frozen_at)) then
    raise exception 'campaign % is no raffle, or it is closed: terms of entrants cannot change', of_campaign
      using errcode = 'check_violation', constraint = 'entrant_terms_frozen';
  end if;
  return case when tg_op = 'DELETE' then old else new end;
end $$;

-- Down Migration

create or replace function entrant_terms_guard() returns trigger language plpgsql as $$
declare
  of_campaign constant integer := case when tg_op = 'INSERT' then new.campaign_id else old.campaign_id end;
begin
  perform from campaigns
    where campaign_id = of_campaign and kind = 'raffle' and frozen_at is null for share;
  if not found or (tg_op = 'UPDATE' and new.campaign_id <> old.campaign_id) then
    raise exception 'campaign % is no raffle, or its pool is frozen: terms of entrants cannot change', of_campaign
      using errcode = 'check_violation', constraint = 'entrant_terms_frozen';
  end if;
  return case when tg_op = 'DELETE' then old else new end;
end $$;
drop function terms_are_open(timestamptz, timestamptz, timestamptz);
drop trigger campaigns_round_once on campaigns;
drop function campaigns_round_once();
alter table campaigns drop column drand_round;
