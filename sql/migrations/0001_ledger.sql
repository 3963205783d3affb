-- Up Migration

-- The ledger: what was decided, and how far the log was read to decide it.

create sequence registry_epoch as bigint;

create table campaigns (
  campaign_id    integer generated always as identity primary key,
  kind           text not null check (kind in ('coupon', 'raffle')),
  title          text not null check (char_length(title) between 1 and 200),
  -- How many can win: a coupon's stock, a raffle's winners.
  places         integer not null check (places between 1 and 10000000),
  opens_at       timestamptz(3) not null,
  closes_at      timestamptz(3) not null,
  -- A close ahead of time, as gateways are told it. closes_at follows it down only when all of them must have heard, so
  -- nobody has ever accepted an entry later than closes_at.
  closing_at     timestamptz(3),
  created_at     timestamptz(3) not null default now(),
  -- Grows with every change of this row, so that a reader of the board never goes back.
  revision       bigint not null default 1,
  -- Everything at or below this stamp is decided; -1 before the first.
  settled_stamp  bigint not null default -1,
  settled_count  bigint not null default 0,
  granted_count  integer not null default 0,
  -- Withdrawals honoured so far; the greatest gone_number.
  gone_count     integer not null default 0,
  -- How many of those have their final rank in Redis' list, counted from the first; what the board may show.
  gone_ranked    integer not null default 0,
  -- When nothing could be added any more, and how many entries then stood in a raffle's draw.
  frozen_at      timestamptz(3),
  frozen_count   bigint,
  -- A raffle's randomness, recorded before the draw; seed_source names where it came from.
  seed           bytea check (octet_length(seed) = 32),
  seed_source    text,
  finished_at    timestamptz(3),
  -- In hours: a day of an interval is as long as the session's time zone says.
  constraint campaigns_window check (opens_at < closes_at and closes_at <= opens_at + interval '2400 hours'),
  -- Later instants would not be exact as microseconds since the epoch below 2^53.
  constraint campaigns_exact check (opens_at >= timestamptz '2000-01-01 00:00Z' and closes_at < timestamptz '2200-01-01 00:00Z'),
  constraint campaigns_closing check (closing_at > opens_at and closing_at <= closes_at),
  constraint campaigns_granted check (granted_count between 0 and places),
  constraint campaigns_settled check (settled_count >= granted_count),
  constraint campaigns_gone check (gone_ranked between 0 and gone_count),
  constraint campaigns_seed check (kind = 'raffle' or seed is null),
  constraint campaigns_seed_source check ((seed is null) = (seed_source is null))
);

-- One row a user a campaign: the earliest stamp stays. No foreign key to campaigns: the trigger it brings would cost a
-- fifth of the ingest; the one statement that writes here joins campaigns instead, and campaigns are never deleted.
create table entries (
  campaign_id  integer not null,
  user_id      text collate "C" not null,
  stamp        bigint not null check (stamp >= 0),
  primary key (campaign_id, user_id),
  constraint entries_stamp unique (campaign_id, stamp)
);

-- A coupon granted or a winner drawn. Serials count from 1 without gaps.
create table grants (
  campaign_id  integer not null references campaigns,
  serial       integer not null check (serial >= 1),
  user_id      text collate "C" not null,
  code         text not null,
  granted_at   timestamptz(3) not null default now(),
  primary key (campaign_id, serial),
  constraint grants_user unique (campaign_id, user_id),
  constraint grants_code unique (code),
  foreign key (campaign_id, user_id) references entries
);

-- A wish to leave, as it came from the log. It is honoured if it was there when its entry's turn came; null until then.
create table withdrawals (
  campaign_id  integer not null references campaigns,
  user_id      text collate "C" not null,
  stamp        bigint not null check (stamp >= 0),
  honoured     boolean,
  -- The order in which honoured withdrawals were decided, and are published as ranks: 1, 2, 3 ...
  gone_number  integer,
  primary key (campaign_id, user_id),
  constraint withdrawals_gone unique (campaign_id, gone_number),
  constraint withdrawals_numbered check ((honoured is true) = (gone_number is not null))
);
create index withdrawals_undecided on withdrawals (campaign_id) where honoured is null;

-- The incarnations of gateways, as the log and the registry tell of them.
create table gateways (
  gateway       integer not null check (gateway between 0 and 1023),
  incarnation   bigint not null,
  log_name      text not null,
  partition     integer not null,
  -- live: its promises bound the watermark. ended: it left or was fenced, and all it ever logged is in the ledger.
  state         text not null default 'live' check (state in ('live', 'ended')),
  -- The incarnation's promises, microseconds since the epoch: logged and ranked up to there.
  through_us    bigint not null,
  ranked_us     bigint not null,
  slice_number  bigint not null default 0,
  -- ended, and what it had logged but not ranked is ranked.
  repaired      boolean not null default false,
  seen_at       timestamptz(3) not null default now(),
  ended_at      timestamptz(3),
  primary key (gateway, incarnation)
);
create index gateways_unrepaired on gateways (gateway) where not repaired;

-- Where to go on reading; moved in the same transaction as the rows that were read, by compare-and-set.
create table log_partitions (
  log_name       text not null,
  partition      integer not null,
  next_position  text not null,
  primary key (log_name, partition)
);

-- How far the ledger has come; the greatest watermark ever used for a decision.
create table watermarks (
  one_row       boolean primary key default true check (one_row),
  watermark_us  bigint not null default 0
);
insert into watermarks default values;

-- Which engines are at work, to share the partitions of a log that does not share them by itself.
create table engines (
  engine_id  uuid primary key,
  seen_at    timestamptz(3) not null default now()
);

-- Records, and items of records, that could not be taken in: whole, with the place they stood at.
create table set_aside (
  set_aside_id  bigint generated always as identity primary key,
  log_name      text not null,
  partition     integer not null,
  position      text not null,
  item          integer,
  reason        text not null,
  record        bytea not null,
  set_aside_at  timestamptz(3) not null default now(),
  constraint set_aside_place unique nulls not distinct (log_name, partition, position, item)
);

-- The rules of a campaign with entries do not change; times that have passed do not either.
create function campaigns_guard() returns trigger language plpgsql as $$
begin
  if (new.campaign_id, new.kind, new.places, new.title, new.opens_at, new.created_at)
     is distinct from (old.campaign_id, old.kind, old.places, old.title, old.opens_at, old.created_at)
     and exists (select from entries where campaign_id = old.campaign_id) then
    raise exception 'campaign % has entries: its kind, title, places and opening cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_rules';
  end if;
  if old.closing_at is not null and new.closing_at is distinct from old.closing_at then
    raise exception 'campaign % was told to close: closing_at cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_closing_once';
  end if;
  if new.closes_at is distinct from old.closes_at and old.frozen_at is not null then
    raise exception 'campaign % is closed for good: closes_at cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_closed';
  end if;
  if old.seed is not null and new.seed is distinct from old.seed then
    raise exception 'campaign % has its seed: it cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_seed_once';
  end if;
  if new.settled_stamp < old.settled_stamp or new.granted_count < old.granted_count then
    raise exception 'campaign %: what is settled stays settled', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_forward';
  end if;
  new.revision := old.revision + 1;
  return new;
end $$;
create trigger campaigns_guard before update on campaigns for each row execute function campaigns_guard();

create function campaigns_keep() returns trigger language plpgsql as $$
begin
  raise exception 'campaigns are never deleted' using errcode = 'check_violation', constraint = 'campaigns_keep';
end $$;
create trigger campaigns_keep before delete on campaigns for each row execute function campaigns_keep();

-- The outcome of every entry. What is settled and neither granted nor withdrawn has lost: no row is written for that,
-- so settling costs what is granted, not what was asked.
create view entry_outcomes as
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

-- Down Migration

drop view entry_outcomes;
drop table set_aside, engines, watermarks, log_partitions, gateways, withdrawals, grants, entries, campaigns;
drop function campaigns_guard();
drop function campaigns_keep();
drop sequence registry_epoch;
