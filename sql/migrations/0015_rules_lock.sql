-- Up Migration

-- Rules cannot change once entries exist, those of transactions that are not over included. Who inserts entries holds a key
-- share of the campaign's row, as a foreign key would for each of them; settling, which holds the row for no key update, is
-- neither held up by that nor holds it up. Who changes rules takes the row for update, and so waits for them.
create function entries_hold_campaign() returns trigger language plpgsql as $$
begin
  perform from campaigns
    where campaign_id = any (array(select distinct campaign_id from added)) order by campaign_id for key share;
  return null;
end $$;
create trigger entries_hold_campaign after insert on entries
  referencing new table as added for each statement execute function entries_hold_campaign();

-- Whether a campaign has entries, or will have some that are on their way. Only for who changes its row.
create function has_entries(of_campaign integer) returns boolean language plpgsql as $$
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

-- As before, but by has_entries, which is asked only where rules change: each step of settling updates the row.
create or replace function campaigns_guard() returns trigger language plpgsql as $$
declare
  is_refused boolean;
begin
  if (new.campaign_id, new.kind, new.places, new.title, new.opens_at, new.created_at)
     is distinct from (old.campaign_id, old.kind, old.places, old.title, old.opens_at, old.created_at) then
    is_refused := (new.campaign_id, new.kind, new.created_at) is distinct from (old.campaign_id, old.kind, old.created_at)
                  or (old.rules is not null and new.version = old.version);
    if not is_refused then
      is_refused := has_entries(old.campaign_id);
    end if;
    if is_refused then
      raise exception 'campaign % has entries, or its rules were announced: its kind, title, places and opening cannot change', old.campaign_id
        using errcode = 'check_violation', constraint = 'campaigns_rules';
    end if;
  end if;
  if old.rules is not null and (new.rules, new.nonce) is distinct from (old.rules, old.nonce) then
    is_refused := new.version = old.version or new.rules is null or new.nonce is distinct from old.nonce;
    if not is_refused and (old.kind = 'raffle'
                           or new.rules::jsonb - 'closes_at_us' is distinct from old.rules::jsonb - 'closes_at_us') then
      is_refused := has_entries(old.campaign_id);
    end if;
    if is_refused then
      raise exception 'campaign %: its rules were announced and cannot change', old.campaign_id
        using errcode = 'check_violation', constraint = 'campaigns_rules_once';
    end if;
  end if;
  if old.closing_at is not null and new.closing_at is distinct from old.closing_at then
    raise exception 'campaign % was told to close: closing_at cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_closing_once';
  end if;
  if new.closes_at is distinct from old.closes_at and old.frozen_at is not null then
    raise exception 'campaign % is closed for good: closes_at cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_closed';
  end if;
  if old.pool_root is not null
     and (new.pool_root, new.frozen_count, new.frozen_at) is distinct from (old.pool_root, old.frozen_count, old.frozen_at) then
    raise exception 'campaign %: its pool is frozen and cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_pool_once';
  end if;
  if old.seed is not null
     and (new.seed, new.seed_source, new.randomness, new.signature)
         is distinct from (old.seed, old.seed_source, old.randomness, old.signature) then
    raise exception 'campaign % has its seed: it cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_seed_once';
  end if;
  if new.settled_stamp < old.settled_stamp or new.granted_count < old.granted_count
     or new.redrawn_count < old.redrawn_count then
    raise exception 'campaign %: what is settled stays settled', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_forward';
  end if;
  new.revision := old.revision + 1;
  return new;
end $$;

-- Down Migration

create or replace function campaigns_guard() returns trigger language plpgsql as $$
begin
  if (new.campaign_id, new.kind, new.places, new.title, new.opens_at, new.created_at)
     is distinct from (old.campaign_id, old.kind, old.places, old.title, old.opens_at, old.created_at)
     and ((new.campaign_id, new.kind, new.created_at) is distinct from (old.campaign_id, old.kind, old.created_at)
          or (old.rules is not null and new.version = old.version)
          or exists (select from entries where campaign_id = old.campaign_id)) then
    raise exception 'campaign % has entries, or its rules were announced: its kind, title, places and opening cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_rules';
  end if;
  if old.rules is not null and (new.rules, new.nonce) is distinct from (old.rules, old.nonce)
     and (new.version = old.version or new.rules is null or new.nonce is distinct from old.nonce
          or (exists (select from entries where campaign_id = old.campaign_id)
              and (old.kind = 'raffle'
                   or new.rules::jsonb - 'closes_at_us' is distinct from old.rules::jsonb - 'closes_at_us'))) then
    raise exception 'campaign %: its rules were announced and cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_rules_once';
  end if;
  if old.closing_at is not null and new.closing_at is distinct from old.closing_at then
    raise exception 'campaign % was told to close: closing_at cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_closing_once';
  end if;
  if new.closes_at is distinct from old.closes_at and old.frozen_at is not null then
    raise exception 'campaign % is closed for good: closes_at cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_closed';
  end if;
  if old.pool_root is not null
     and (new.pool_root, new.frozen_count, new.frozen_at) is distinct from (old.pool_root, old.frozen_count, old.frozen_at) then
    raise exception 'campaign %: its pool is frozen and cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_pool_once';
  end if;
  if old.seed is not null
     and (new.seed, new.seed_source, new.randomness, new.signature)
         is distinct from (old.seed, old.seed_source, old.randomness, old.signature) then
    raise exception 'campaign % has its seed: it cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_seed_once';
  end if;
  if new.settled_stamp < old.settled_stamp or new.granted_count < old.granted_count
     or new.redrawn_count < old.redrawn_count then
    raise exception 'campaign %: what is settled stays settled', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_forward';
  end if;
  new.revision := old.revision + 1;
  return new;
end $$;
drop function has_entries(integer);
drop trigger entries_hold_campaign on entries;
drop function entries_hold_campaign();
