-- Up Migration

-- What is granted is claimed within a deadline, else it passes to the next. engine/judges/CLAIMS.md has the states.

alter table campaigns
  -- From the rules, which never change once they are announced. Null: a grant is final at once.
  add column claim_within_s     integer generated always as ((rules::jsonb ->> 'claim_within_s')::integer) stored,
  -- Of a coupon: how many wait behind those who were granted one.
  add column waitlist           integer not null generated always as (coalesce((rules::jsonb ->> 'waitlist')::integer, 0)) stored,
  add column waitlisted_count   integer not null default 0,
  -- Moves of claimants so far; the greatest move_number.
  add column move_count         integer not null default 0,
  -- By how much outages of ours have extended deadlines, and the total of unheard time that this was told by (see
  -- sql/claims.ts); microseconds.
  add column unheard_us         bigint not null default 0 check (unheard_us >= 0),
  add column unheard_seen_us    bigint,
  -- When every entry had its first outcome, where claims go on behind that: finished_at comes with the last of them.
  add column decided_at         timestamptz(3),
  add constraint campaigns_waitlisted check (waitlisted_count >= 0 and (kind <> 'coupon' or waitlisted_count <= waitlist));

-- A claim, as it came from the log: the earliest of a user stays. Decided when the watermark has passed it.
create table claims (
  campaign_id  integer not null references campaigns,
  user_id      text collate "C" not null,
  stamp        bigint not null check (stamp >= 0),
  decided      boolean not null default false,
  primary key (campaign_id, user_id)
);
create index claims_undecided on claims (campaign_id) where not decided;

-- Whoever has a place where there are claims: those who were granted a coupon or have won, by serial, and behind them
-- those who wait, in the order in which they are next. One row a user; instants are microseconds since the epoch.
create table claimants (
  campaign_id    integer not null references campaigns,
  number         integer not null check (number >= 1),
  user_id        text collate "C" not null,
  -- Among those who wait, from 1: the place in alternates. Null for the first holder of a serial.
  place          integer check (place >= 1),
  state          text not null check (state in ('waitlisted', 'offered', 'claimed', 'lapsed', 'declined', 'left')),
  -- What they were offered.
  serial         integer,
  offered_us     bigint,
  -- The deadline, without what campaigns.unheard_us adds to it; since the offer ended with it.
  claim_by_us    bigint,
  -- When the offer ended, or who waited left: the instant of the stamp, or the deadline of an offer that lapsed.
  ended_us       bigint,
  -- The operator has brought the deadline forward, and why.
  ended_early    text check (char_length(ended_early) between 1 and 200),
  -- Of the last move; 0 while nothing has moved.
  move_number    integer not null default 0,
  -- What was offered has gone on to the next.
  is_passed_on   boolean not null default false,
  primary key (campaign_id, number),
  constraint claimants_user unique (campaign_id, user_id),
  foreign key (campaign_id, user_id) references entries,
  foreign key (campaign_id, serial) references grants,
  constraint claimants_waits check (place is not null or state not in ('waitlisted', 'left')),
  constraint claimants_offered check ((state in ('waitlisted', 'left')) = (serial is null)
    and (serial is null) = (offered_us is null) and (serial is null) = (claim_by_us is null)),
  constraint claimants_ended check ((state in ('waitlisted', 'offered')) = (ended_us is null)),
  constraint claimants_passed_on check (not is_passed_on or state in ('lapsed', 'declined'))
);
-- One holder a serial at a time.
create unique index claimants_holder on claimants (campaign_id, serial) where state in ('offered', 'claimed');
create index claimants_due on claimants (campaign_id, claim_by_us) where state = 'offered';
create index claimants_next on claimants (campaign_id, place) where state = 'waitlisted';
create index claimants_freed on claimants (campaign_id, move_number) where state in ('lapsed', 'declined') and not is_passed_on;

-- What has become of claimants, in the order in which it was decided, for good: the history of who held which serial.
create table claimant_moves (
  campaign_id  integer not null,
  move_number  integer not null check (move_number >= 1),
  number       integer not null,
  -- deadline: the operator has moved it.
  state        text not null check (state in ('offered', 'deadline', 'claimed', 'lapsed', 'declined', 'left')),
  serial       integer,
  -- Of an offer: when it was made; of a deadline: where it was moved to; else the claimant's ended_us.
  at_us        bigint not null,
  primary key (campaign_id, move_number),
  foreign key (campaign_id, number) references claimants
);
create trigger claimant_moves_keep before update or delete on claimant_moves for each row execute function drawn_keep();

-- Each way that a claimant can go; whoever has claimed, let lapse or left stays so.
create function claimants_guard() returns trigger language plpgsql as $$
begin
  if new.state <> old.state and not (
       (old.state = 'waitlisted' and new.state in ('offered', 'left'))
       or (old.state = 'offered' and new.state in ('claimed', 'lapsed', 'declined'))) then
    raise exception 'campaign %: who is % cannot become %', old.campaign_id, old.state, new.state
      using errcode = 'check_violation', constraint = 'claimants_states';
  end if;
  if (new.campaign_id, new.number, new.user_id, new.place) is distinct from (old.campaign_id, old.number, old.user_id, old.place)
     or (old.serial is not null and (new.serial, new.offered_us) is distinct from (old.serial, old.offered_us)) then
    raise exception 'campaign %: who a claimant is, and what they were offered, never changes', old.campaign_id
      using errcode = 'check_violation', constraint = 'claimants_keep';
  end if;
  return new;
end $$;
create trigger claimants_guard before update on claimants for each row execute function claimants_guard();

-- Where there are claims, what a claimant is told: granted and won is what they have claimed.
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

-- A code that has to be claimed is good from when it is: what is offered may lapse yet, and is another's then under another.
create or replace view coupon_codes as
select code, coupon_id, null::text collate "C" as holder from coupons where code is not null
union all
select g.code, c.coupon_id, g.user_id
  from grants g
  join coupons c using (campaign_id)
  left join claimants k on k.campaign_id = g.campaign_id and k.user_id = g.user_id
 where k.state is null or k.state = 'claimed';

-- Down Migration

create or replace view coupon_codes as
select code, coupon_id, null::text collate "C" as holder from coupons where code is not null
union all
select g.code, c.coupon_id, g.user_id from grants g join coupons c using (campaign_id);
drop view entry_outcomes;
create view entry_outcomes as
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
drop table claimant_moves, claimants, claims;
drop function claimants_guard();
alter table campaigns
  drop column decided_at,
  drop column unheard_seen_us,
  drop column unheard_us,
  drop column move_count,
  drop column waitlisted_count,
  drop column waitlist,
  drop column claim_within_s;
