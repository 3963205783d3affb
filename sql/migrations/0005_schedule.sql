-- Up Migration

-- The schedule of campaigns: what may still be changed of one, who changed it when and why, and what was done late.
-- engine/schedule/README.md has the state machine that these constraints keep.

alter table campaigns
  -- What was decided by people; the rest of a campaign's state follows from its times and from settling.
  add column stage            text not null default 'scheduled' check (stage in ('draft', 'scheduled', 'cancelled', 'archived')),
  -- IANA; times are shown in it, and mean the same without it.
  add column time_zone        text not null default 'UTC' check (char_length(time_zone) between 1 and 64),
  -- A raffle is drawn no earlier; null: at its close.
  add column draws_at         timestamptz(3),
  add column paused_at        timestamptz(3),
  -- Of a draft of a raffle: its draw, until that is announced with the rules.
  add column draft_draw       jsonb,
  -- How far it was settled when it was cancelled: who stands behind that, and has no outcome of another kind, has `cancelled`.
  add column cancelled_stamp  bigint check (cancelled_stamp >= -1),
  add column made_by          text not null default 'operator' check (char_length(made_by) between 1 and 100),
  -- Of a close ahead of time.
  add column closing_by       text check (char_length(closing_by) between 1 and 100),
  add column closing_reason   text check (char_length(closing_reason) between 1 and 200),
  -- The version that is in effect; see campaign_versions.
  add column version          integer not null default 1 check (version >= 1),
  -- What gateways are asked to confirm, as the board shows it; null where nothing is being changed.
  add column pending          jsonb;

alter table campaigns
  add constraint campaigns_draws check (draws_at is null or (kind = 'raffle' and draws_at >= closes_at and draws_at < timestamptz '2200-01-01 00:00Z')),
  add constraint campaigns_cancelled check (case stage when 'cancelled' then cancelled_stamp is not null when 'archived' then true else cancelled_stamp is null end),
  add constraint campaigns_draft check (stage <> 'draft' or (rules is null and settled_stamp = -1 and finished_at is null and pending is null)),
  add constraint campaigns_archived check (stage <> 'archived' or finished_at is not null);

-- Every change of a campaign by people, made or refused. Append-only: what was asked never changes, and it is decided once.
create table campaign_versions (
  campaign_id   integer not null references campaigns,
  version       integer not null check (version >= 1),
  action        text not null check (action in ('make', 'edit', 'announce', 'pause', 'resume', 'cancel', 'close', 'archive')),
  -- The campaign as it is to be.
  stage         text not null,
  title         text not null,
  places        integer not null,
  opens_at      timestamptz(3) not null,
  closes_at     timestamptz(3) not null,
  draws_at      timestamptz(3),
  time_zone     text not null,
  paused        boolean not null,
  -- The version that it was asked of; another one in effect meanwhile, and it is refused.
  base_version  integer not null,
  asked_by      text not null check (char_length(asked_by) between 1 and 100),
  asked_at      timestamptz(3) not null default now(),
  reason        text check (char_length(reason) between 1 and 200),
  -- It takes effect before this or not at all: a time that it changes, less what gateways' clocks may be off.
  decide_by     timestamptz(3),
  state         text not null check (state in ('pending', 'effective', 'refused')),
  refused       text,
  refusal       text,
  decided_at    timestamptz(3),
  rules_hash    bytea,
  primary key (campaign_id, version),
  constraint campaign_versions_decided check ((state = 'pending') = (decided_at is null)),
  constraint campaign_versions_refused check ((state = 'refused') = (refused is not null) and (refused is null) = (refusal is null))
);
create unique index campaign_versions_pending on campaign_versions (campaign_id) where state = 'pending';

create function campaign_versions_keep() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' or old.state <> 'pending'
     or to_jsonb(new) - array['state', 'refused', 'refusal', 'decided_at', 'rules_hash']
        is distinct from to_jsonb(old) - array['state', 'refused', 'refusal', 'decided_at', 'rules_hash'] then
    raise exception 'version % of campaign %: what was recorded is never changed', old.version, old.campaign_id
      using errcode = 'check_violation', constraint = 'campaign_versions_keep';
  end if;
  return new;
end $$;
create trigger campaign_versions_keep before update or delete on campaign_versions
  for each row execute function campaign_versions_keep();

insert into campaign_versions
  (campaign_id, version, action, stage, title, places, opens_at, closes_at, time_zone, paused, base_version, asked_by,
   asked_at, state, decided_at, rules_hash)
select campaign_id, 1, 'make', stage, title, places, opens_at, closes_at, time_zone, false, 1, made_by, created_at,
       'effective', created_at, rules_hash
  from campaigns;

-- A campaign's first version is what it was made as.
create function campaigns_first_version() returns trigger language plpgsql as $$
begin
  insert into campaign_versions
    (campaign_id, version, action, stage, title, places, opens_at, closes_at, draws_at, time_zone, paused, base_version,
     asked_by, asked_at, state, decided_at, rules_hash)
  values
    (new.campaign_id, new.version, 'make', new.stage, new.title, new.places, new.opens_at, new.closes_at, new.draws_at,
     new.time_zone, new.paused_at is not null, new.version, new.made_by, new.created_at, 'effective', new.created_at,
     hash_of_text(new.rules));
  return null;
end $$;
create trigger campaigns_first_version after insert on campaigns for each row execute function campaigns_first_version();

-- A close ahead of time takes effect in two halves (engine/api/close.ts), and is a version like every other change.
create function campaigns_close_version() returns trigger language plpgsql as $$
begin
  select max(version) + 1 into new.version from campaign_versions where campaign_id = new.campaign_id;
  insert into campaign_versions
    (campaign_id, version, action, stage, title, places, opens_at, closes_at, draws_at, time_zone, paused, base_version,
     asked_by, reason, state, decided_at, rules_hash)
  values
    (new.campaign_id, new.version, 'close', new.stage, new.title, new.places, new.opens_at, new.closing_at, new.draws_at,
     new.time_zone, new.paused_at is not null, old.version, coalesce(new.closing_by, 'operator'), new.closing_reason,
     'effective', now(), hash_of_text(new.rules));
  return new;
end $$;
-- Before campaigns_schedule, by its name.
create trigger campaigns_close_version before update on campaigns for each row
  when (old.closing_at is null and new.closing_at is not null) execute function campaigns_close_version();

-- What people decide changes by a version alone, along the transitions of the state machine. Called for such changes only:
-- settling updates the row with every step.
create function campaigns_schedule() returns trigger language plpgsql as $$
begin
  if new.stage <> old.stage and not (
       (old.stage = 'draft' and new.stage in ('scheduled', 'cancelled'))
       or (old.stage = 'scheduled' and new.stage = 'cancelled' and old.finished_at is null and old.seed is null)
       or (old.stage in ('scheduled', 'cancelled') and new.stage = 'archived' and old.finished_at is not null)) then
    raise exception 'campaign %: it cannot go from % to %', old.campaign_id, old.stage, new.stage
      using errcode = 'check_violation', constraint = 'campaigns_transition';
  end if;
  if new.cancelled_stamp is distinct from old.cancelled_stamp
     and not (old.cancelled_stamp is null and new.stage = 'cancelled' and new.cancelled_stamp = old.settled_stamp) then
    raise exception 'campaign %: it is cancelled once, as far as it is settled', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_cancelled_once';
  end if;
  if old.stage <> 'draft' and new.opens_at <> old.opens_at and least(old.opens_at, new.opens_at) <= now() then
    raise exception 'campaign %: an opening that has passed cannot change, nor one be moved into the past', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_opened';
  end if;
  if (new.draws_at is distinct from old.draws_at and old.seed is not null)
     or (new.paused_at is distinct from old.paused_at and old.finished_at is not null) then
    raise exception 'campaign %: what has passed cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_passed';
  end if;
  if new.version = old.version then
    -- The second half of a close that was recorded with its first.
    if (new.stage, new.opens_at, new.draws_at, new.time_zone, new.paused_at)
       is distinct from (old.stage, old.opens_at, old.draws_at, old.time_zone, old.paused_at)
       or (new.closes_at <> old.closes_at and (old.closing_at is null or new.closes_at > old.closes_at)) then
      raise exception 'campaign %: this changes by a new version alone', old.campaign_id
        using errcode = 'check_violation', constraint = 'campaigns_versioned';
    end if;
  elsif not exists (
    select from campaign_versions v
     where v.campaign_id = new.campaign_id and v.version = new.version and new.version > old.version
       and v.state = 'effective' and v.base_version = old.version
       and (v.stage, v.title, v.places, v.opens_at, v.draws_at, v.time_zone, v.paused)
           is not distinct from (new.stage, new.title, new.places, new.opens_at, new.draws_at, new.time_zone, new.paused_at is not null)
       -- A close ahead of time follows in its second half; a cancelled campaign ends as soon as all gateways know it.
       and (v.closes_at = new.closes_at or v.action = 'close' or (v.action = 'cancel' and new.closes_at < v.closes_at))) then
    raise exception 'campaign %: it has no version % in effect that says so', old.campaign_id, new.version
      using errcode = 'check_violation', constraint = 'campaigns_versioned';
  end if;
  return new;
end $$;
create trigger campaigns_schedule before update on campaigns for each row
  when (old.version is distinct from new.version or old.stage is distinct from new.stage
        or old.opens_at is distinct from new.opens_at or old.closes_at is distinct from new.closes_at
        or old.draws_at is distinct from new.draws_at or old.time_zone is distinct from new.time_zone
        or old.paused_at is distinct from new.paused_at or old.cancelled_stamp is distinct from new.cancelled_stamp)
  execute function campaigns_schedule();

-- What of a campaign was done when it was due, each once, and how late.
create table scheduled_done (
  campaign_id  integer not null references campaigns,
  kind         text not null check (kind in ('closing', 'drawing')),
  due_at       timestamptz(3) not null,
  done_at      timestamptz(3) not null,
  late_ms      bigint not null generated always as ((extract(epoch from done_at - due_at) * 1000)::bigint) stored,
  -- An engine has said so, in its log and its metrics.
  told         boolean not null default false,
  primary key (campaign_id, kind)
);
create index scheduled_done_untold on scheduled_done (campaign_id, kind) where not told;

create function campaigns_done() returns trigger language plpgsql as $$
begin
  if new.frozen_at is not null then
    insert into scheduled_done (campaign_id, kind, due_at, done_at)
    values (new.campaign_id, 'closing', new.closes_at, new.frozen_at) on conflict do nothing;
  end if;
  if new.finished_at is not null and new.kind = 'raffle' and new.cancelled_stamp is null then
    insert into scheduled_done (campaign_id, kind, due_at, done_at)
    values (new.campaign_id, 'drawing', coalesce(new.draws_at, new.closes_at), new.finished_at) on conflict do nothing;
  end if;
  return null;
end $$;
create trigger campaigns_done after update on campaigns for each row
  when ((old.frozen_at is null and new.frozen_at is not null) or (old.finished_at is null and new.finished_at is not null))
  execute function campaigns_done();

-- Campaigns that are made again and again: a body as POST /v1/campaigns takes it, without its times.
create table campaign_templates (
  template_id  integer generated always as identity primary key,
  name         text not null check (char_length(name) between 1 and 200),
  body         jsonb not null,
  made_by      text not null check (char_length(made_by) between 1 and 100),
  made_at      timestamptz(3) not null default now(),
  constraint campaign_templates_name unique (name)
);

-- Rules that were announced change by a new version alone, and not once there are entries: of a coupon then its close, of
-- a raffle nothing, as its draw is bound to them. Times that have passed do not change either.
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

create or replace view entry_outcomes as
select e.campaign_id, e.user_id, e.stamp,
       case
         when g.serial is not null and c.kind = 'coupon' then 'granted'
         when g.serial is not null then 'won'
         when w.honoured then 'withdrawn'
         when e.stamp > c.cancelled_stamp then 'cancelled'
         when e.stamp > c.settled_stamp then 'waiting'
         when c.kind = 'coupon' then 'sold_out'
         else 'not_drawn'
       end as outcome,
       g.serial, g.code, g.granted_at
  from entries e
  join campaigns c using (campaign_id)
  left join grants g using (campaign_id, user_id)
  left join withdrawals w using (campaign_id, user_id);

-- Down Migration

drop table campaign_templates, scheduled_done;
drop trigger campaigns_done on campaigns;
drop function campaigns_done();
drop trigger campaigns_schedule on campaigns;
drop function campaigns_schedule();
drop trigger campaigns_close_version on campaigns;
drop function campaigns_close_version();
drop trigger campaigns_first_version on campaigns;
drop function campaigns_first_version();
drop table campaign_versions;
drop function campaign_versions_keep();
create or replace view entry_outcomes as
select e.campaign_id, e.user_id, e.stamp,
       case
         when g.serial is not null and c.kind = 'coupon' then 'granted'
         when g.serial is not null then 'won'
         when w.honoured then 'withdrawn'
         when e.stamp > c.settled_stamp then 'waiting'
         when c.kind = 'coupon' then 'sold_out'
         else 'not_drawn'
       end as outcome,
       g.serial, g.code, g.granted_at
  from entries e
  join campaigns c using (campaign_id)
  left join grants g using (campaign_id, user_id)
  left join withdrawals w using (campaign_id, user_id);

create or replace function campaigns_guard() returns trigger language plpgsql as $$
begin
  if (new.campaign_id, new.kind, new.places, new.title, new.opens_at, new.created_at)
     is distinct from (old.campaign_id, old.kind, old.places, old.title, old.opens_at, old.created_at)
     and (old.rules is not null or exists (select from entries where campaign_id = old.campaign_id)) then
    raise exception 'campaign % has entries, or its rules were announced: its kind, title, places and opening cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_rules';
  end if;
  if old.rules is not null and (new.rules, new.nonce) is distinct from (old.rules, old.nonce) then
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
alter table campaigns
  drop column stage,
  drop column time_zone,
  drop column draws_at,
  drop column paused_at,
  drop column draft_draw,
  drop column cancelled_stamp,
  drop column made_by,
  drop column closing_by,
  drop column closing_reason,
  drop column version,
  drop column pending;
