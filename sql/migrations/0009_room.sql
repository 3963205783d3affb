-- Up Migration

-- Waiting rooms: everybody gets in, at a rate. engine/judges/ROOM.md has the states and who may change them.

alter table campaigns
  drop constraint campaigns_kind_check,
  add constraint campaigns_kind_check check (kind in ('coupon', 'raffle', 'room'));

create table rooms (
  campaign_id   integer primary key references campaigns,
  -- What the operator may change at any time; each version is kept in room_terms.
  version       integer not null default 1,
  -- Admissions a second at most, and how many may be inside at once; null: as many as come.
  per_second    double precision not null check (per_second between 0.01 and 10000),
  capacity      integer check (capacity between 1 and 10000000),
  paused        boolean not null default false,
  -- What it was made with, in heard time: how long somebody may be away before they are skipped, how long a pass waits to
  -- be used, and how long a visit lasts at most (null: until the shop says that they have left).
  grace_ms      integer not null check (grace_ms between 1000 and 86400000),
  pass_ms       integer not null check (pass_ms between 1000 and 86400000),
  visit_ms      integer check (visit_ms between 1000 and 86400000),
  single_use    boolean not null,
  -- The pace, on this database's clock: no admission before next_us, and those of the last second, [[instant, count], ...].
  next_us       bigint not null default 0,
  recent        jsonb not null default '[]',
  -- Entries up to this stamp have their row in room_people.
  taken_stamp   bigint not null default -1,
  -- Heard time in which somebody who waits was there, and up to which of hearing.heard_ms that counts.
  heard_ms      bigint not null default 0,
  heard_at_ms   bigint not null default 0,
  -- When hearing.heard_ms was last seen to move, microseconds of this clock; and at which of it the line became empty of
  -- people who are there (null: somebody is).
  heard_moved_us bigint not null default 0,
  empty_since_ms bigint,
  -- How long people have waited while the room admitted, and since when they do now; microseconds of this clock.
  busy_us       bigint not null default 0,
  busy_since_us bigint
);

-- What the operator has set, and when, for good.
create table room_terms (
  campaign_id  integer not null references rooms,
  version      integer not null,
  per_second   double precision not null,
  capacity     integer,
  paused       boolean not null,
  set_at       timestamptz(3) not null default now(),
  primary key (campaign_id, version)
);

create table room_people (
  campaign_id      integer not null references campaigns,
  user_id          text collate "C" not null,
  -- Null until their entry is taken in: a gateway may tell of their stream before.
  stamp            bigint,
  state            text not null default 'waiting'
                   check (state in ('waiting', 'skipped', 'withdrawn', 'admitted', 'inside', 'left', 'expired')),
  -- The gateways' incarnations that have a stream of theirs, and since when none has, in the room's heard time.
  incarnations     bigint[] not null default '{}',
  absent_since_ms  bigint,
  -- Of those who were admitted: their grant, when (microseconds of this clock), and until when their pass is to be used
  -- or their visit over (hearing.heard_ms; null: no end).
  serial           integer,
  admitted_us      bigint,
  due_ms           bigint,
  -- Of those inside: the shop's own id of the visit, so that it may report the use of their pass again.
  session          text,
  primary key (campaign_id, user_id),
  constraint room_people_absent check ((absent_since_ms is null) = (cardinality(incarnations) > 0)),
  constraint room_people_admitted check ((serial is null) = (state in ('waiting', 'skipped', 'withdrawn'))
    and (serial is null) = (admitted_us is null)),
  constraint room_people_serial unique (campaign_id, serial),
  foreign key (campaign_id, serial) references grants
);
create index room_people_line on room_people (campaign_id, stamp) where state = 'waiting' and stamp is not null;
create index room_people_present on room_people (campaign_id)
  where state = 'waiting' and stamp is not null and absent_since_ms is null;
create index room_people_absent_since on room_people (campaign_id, absent_since_ms)
  where state = 'waiting' and stamp is not null;
create index room_people_back on room_people (campaign_id) where state = 'skipped' and absent_since_ms is null;
create index room_people_due on room_people (campaign_id, due_ms) where state in ('admitted', 'inside');

-- Each way that somebody can go; whoever withdrew, left or let a pass or a visit expire stays so.
create function room_people_guard() returns trigger language plpgsql as $$
begin
  if new.state <> old.state and (old.state, new.state) not in (
       ('waiting', 'skipped'), ('skipped', 'waiting'), ('waiting', 'withdrawn'), ('skipped', 'withdrawn'),
       ('waiting', 'admitted'), ('admitted', 'inside'), ('admitted', 'left'), ('admitted', 'expired'),
       ('inside', 'left'), ('inside', 'expired')) then
    raise exception 'campaign %: who is % cannot become %', old.campaign_id, old.state, new.state
      using errcode = 'check_violation', constraint = 'room_people_states';
  end if;
  if old.serial is not null and (new.serial, new.admitted_us) is distinct from (old.serial, old.admitted_us) then
    raise exception 'campaign %: an admission is never changed', old.campaign_id
      using errcode = 'check_violation', constraint = 'room_people_keep';
  end if;
  return new;
end $$;
create trigger room_people_guard before update on room_people for each row execute function room_people_guard();

-- Who has gone out of the line and come back into it, as ranks are published: numbered with the honoured withdrawals of
-- the campaign, 1, 2, 3 ... gone: not counted any more. back: counted again. returned: waits behind settled_stamp.
create table room_moves (
  campaign_id  integer not null references rooms,
  gone_number  integer not null check (gone_number >= 1),
  user_id      text collate "C" not null,
  move         text not null check (move in ('gone', 'back', 'returned')),
  primary key (campaign_id, gone_number),
  foreign key (campaign_id, user_id) references room_people
);

-- How far what gateways tell of streams was read, and of which incarnations there is anything.
create table presence_log (
  one_row   boolean primary key default true check (one_row),
  epoch     bigint not null default 0,
  position  text not null default '0-0'
);
insert into presence_log default values;
create table presence_gateways (
  incarnation  bigint primary key
);

drop view entry_outcomes;
create view entry_outcomes as
select e.campaign_id, e.user_id, e.stamp,
       case
         when c.kind = 'room' then
           case when p.serial is not null then 'admitted'
                when c.cancelled_stamp is not null and p.state is distinct from 'withdrawn' then 'cancelled'
                else coalesce(p.state, 'waiting') end
         when k.state = 'claimed' then case c.kind when 'coupon' then 'granted' else 'won' end
         when k.state = 'left' then 'withdrawn'
         -- Nothing has become free for them.
         when k.state = 'waitlisted' and c.finished_at is not null then case c.kind when 'coupon' then 'sold_out' else 'not_drawn' end
         when k.state is not null then k.state
         when g.serial is not null and c.kind = 'coupon' then 'granted'
         when g.serial is not null then 'won'
         when w.honoured then 'withdrawn'
         when e.stamp > c.cancelled_stamp then 'cancelled'
         when e.stamp > c.settled_stamp then 'waiting'
         when c.kind = 'coupon' then 'sold_out'
         else 'not_drawn'
       end as outcome,
       case when k.state is null or k.state in ('offered', 'claimed') then g.serial end as serial,
       case when k.state is null or k.state in ('offered', 'claimed') then g.code end as code,
       (case when k.state is null or k.state in ('offered', 'claimed') then g.granted_at end)::timestamptz(3) as granted_at,
       -- Until when what is offered can be claimed, and when it was, or what was offered lapsed or was declined.
       case when k.state = 'offered' then k.claim_by_us + c.unheard_us else k.claim_by_us end as claim_by_us,
       k.ended_us
  from entries e
  join campaigns c using (campaign_id)
  left join claimants k using (campaign_id, user_id)
  left join grants g on g.campaign_id = e.campaign_id and g.user_id = e.user_id
  left join withdrawals w on w.campaign_id = e.campaign_id and w.user_id = e.user_id
  left join room_people p on c.kind = 'room' and p.campaign_id = e.campaign_id and p.user_id = e.user_id;

-- Down Migration

drop view entry_outcomes;
create view entry_outcomes as
select e.campaign_id, e.user_id, e.stamp,
       case
         when k.state = 'claimed' then case c.kind when 'coupon' then 'granted' else 'won' end
         when k.state = 'left' then 'withdrawn'
         -- Nothing has become free for them.
         when k.state = 'waitlisted' and c.finished_at is not null then case c.kind when 'coupon' then 'sold_out' else 'not_drawn' end
         when k.state is not null then k.state
         when g.serial is not null and c.kind = 'coupon' then 'granted'
         when g.serial is not null then 'won'
         when w.honoured then 'withdrawn'
         when e.stamp > c.cancelled_stamp then 'cancelled'
         when e.stamp > c.settled_stamp then 'waiting'
         when c.kind = 'coupon' then 'sold_out'
         else 'not_drawn'
       end as outcome,
       case when k.state is null or k.state in ('offered', 'claimed') then g.serial end as serial,
       case when k.state is null or k.state in ('offered', 'claimed') then g.code end as code,
       (case when k.state is null or k.state in ('offered', 'claimed') then g.granted_at end)::timestamptz(3) as granted_at,
       -- Until when what is offered can be claimed, and when it was, or what was offered lapsed or was declined.
       case when k.state = 'offered' then k.claim_by_us + c.unheard_us else k.claim_by_us end as claim_by_us,
       k.ended_us
  from entries e
  join campaigns c using (campaign_id)
  left join claimants k using (campaign_id, user_id)
  left join grants g on g.campaign_id = e.campaign_id and g.user_id = e.user_id
  left join withdrawals w on w.campaign_id = e.campaign_id and w.user_id = e.user_id;
drop table presence_gateways, presence_log, room_moves, room_people, room_terms, rooms;
drop function room_people_guard();
alter table campaigns
  drop constraint campaigns_kind_check,
  add constraint campaigns_kind_check check (kind in ('coupon', 'raffle'));
