-- Up Migration

-- The stock of a coupon is raised once people may have entered: a version that only raises it, announced like any other change of the
-- rules. engine/settling/judges/RAISING.md says until when, and who gets the new ones.
alter table campaign_versions
  drop constraint campaign_versions_action_check,
  add constraint campaign_versions_action_check
    check (action in ('make', 'edit', 'announce', 'pause', 'resume', 'cancel', 'close', 'archive', 'raise')),
  add constraint campaign_versions_raise check (action <> 'raise' or reason is not null);

alter table campaigns
  -- Entries above this stamp, up to settled_stamp, had lost before the stock was raised, and are decided anew, in this order, before
  -- any later one. Null: no raise is under way.
  add raised_stamp bigint,
  -- Every gateway has known of the raise since this instant, microseconds since the epoch, or does not act. Decided earlier, who is granted one could
  -- hear from a gateway that still knows the former stock that all are gone. Null: gateways are still to be told.
  add raised_known_us bigint,
  add constraint campaigns_raised check (
    raised_stamp is null or (kind = 'coupon' and raised_stamp between -1 and settled_stamp
                             and (finished_at is null or cancelled_stamp is not null))),
  add constraint campaigns_raised_known check (raised_known_us is null or raised_stamp is not null);

-- What each raise has changed of the announced rules; books show it. Written by campaigns_raise alone.
create table stock_raises (
  campaign_id        integer not null references campaigns,
  version            integer not null,
  raised_at          timestamptz(3) not null default now(),
  stock_before       integer not null,
  stock              integer not null,
  -- In the rules before and after: a raise changes nothing else of them.
  closes_at_us       bigint not null,
  rules_hash_before  bytea not null,
  rules_hash         bytea not null,
  primary key (campaign_id, version),
  foreign key (campaign_id, version) references campaign_versions,
  constraint stock_raises_up check (stock > stock_before)
);
create trigger stock_raises_keep before update or delete on stock_raises for each row execute function drawn_keep();

-- Whether an update of a campaign is a raise, and that alone.
create function is_raise(new_row campaigns, old_row campaigns) returns boolean language sql stable return coalesce(
  new_row.version <> old_row.version and new_row.places > old_row.places and old_row.kind = 'coupon'
  and (new_row.title, new_row.opens_at, new_row.closes_at) = (old_row.title, old_row.opens_at, old_row.closes_at)
  and new_row.rules::jsonb - 'stock' = old_row.rules::jsonb - 'stock'
  and (new_row.rules::jsonb ->> 'stock')::integer = new_row.places
  and exists (select from campaign_versions v
               where v.campaign_id = new_row.campaign_id and v.version = new_row.version and v.action = 'raise'), false);

create function campaigns_raise() returns trigger language plpgsql as $$
begin
  if not is_raise(new, old) then
    if exists (select from campaign_versions v
                where v.campaign_id = new.campaign_id and v.version = new.version and v.action = 'raise') then
      raise exception 'campaign %: a raise makes the stock of a coupon larger, in its rules too, and changes nothing else', old.campaign_id
        using errcode = 'check_violation', constraint = 'campaigns_raise';
    end if;
    return new;
  end if;
  -- With a waitlist, those on it were told that they are next.
  if old.finished_at is not null or old.cancelled_stamp is not null or old.waitlisted_count > 0 then
    raise exception 'campaign %: its stock cannot be raised now', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_raise';
  end if;
  -- Nobody behind the last who was granted one has anything yet.
  new.raised_stamp := coalesce((select e.stamp from grants g join entries e using (campaign_id, user_id)
                                 where g.campaign_id = old.campaign_id and g.serial = old.granted_count), -1);
  new.raised_known_us := null;
  insert into stock_raises (campaign_id, version, stock_before, stock, closes_at_us, rules_hash_before, rules_hash)
  values (old.campaign_id, new.version, old.places, new.places, (new.rules::jsonb ->> 'closes_at_us')::bigint,
          hash_of_text(old.rules), hash_of_text(new.rules));
  return new;
end $$;
create trigger campaigns_raise before update on campaigns for each row
  when (old.version is distinct from new.version) execute function campaigns_raise();

-- As before, but a raise is allowed whoever has entered.
create or replace function campaigns_guard() returns trigger language plpgsql as $$
declare
  is_refused boolean;
  is_raised boolean := new.version <> old.version and is_raise(new, old);
begin
  if (new.campaign_id, new.kind, new.places, new.title, new.opens_at, new.created_at)
     is distinct from (old.campaign_id, old.kind, old.places, old.title, old.opens_at, old.created_at) then
    is_refused := (new.campaign_id, new.kind, new.created_at) is distinct from (old.campaign_id, old.kind, old.created_at)
                  or (old.rules is not null and new.version = old.version);
    if not is_refused and not is_raised then
      is_refused := has_entries(old.campaign_id);
    end if;
    if is_refused then
      raise exception 'campaign % has entries, or its rules were announced: its kind, title, places and opening cannot change', old.campaign_id
        using errcode = 'check_violation', constraint = 'campaigns_rules';
    end if;
  end if;
  if old.rules is not null and (new.rules, new.nonce) is distinct from (old.rules, old.nonce) then
    is_refused := new.version = old.version or new.rules is null or new.nonce is distinct from old.nonce;
    if not is_refused and not is_raised and (old.kind = 'raffle'
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

alter table proposals
  drop constraint proposals_operation_check,
  add constraint proposals_operation_check check (operation in ('editCampaign', 'announceCampaign', 'cancelCampaign', 'closeCampaign', 'passOn', 'setEntrants', 'setTwoPerson', 'raiseCampaign'));

-- Down Migration

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
drop trigger campaigns_raise on campaigns;
drop function campaigns_raise();
drop function is_raise(campaigns, campaigns);
drop table stock_raises;
alter table campaigns drop raised_known_us, drop raised_stamp;
-- What was raised stays so, as an edit.
alter table campaign_versions disable trigger campaign_versions_keep;
update campaign_versions set action = 'edit' where action = 'raise';
alter table campaign_versions enable trigger campaign_versions_keep;
alter table campaign_versions
  drop constraint campaign_versions_raise,
  drop constraint campaign_versions_action_check,
  add constraint campaign_versions_action_check
    check (action in ('make', 'edit', 'announce', 'pause', 'resume', 'cancel', 'close', 'archive'));
delete from proposals where operation = 'raiseCampaign';
alter table proposals
  drop constraint proposals_operation_check,
  add constraint proposals_operation_check check (operation in ('editCampaign', 'announceCampaign', 'cancelCampaign', 'closeCampaign', 'passOn', 'setEntrants', 'setTwoPerson'));
