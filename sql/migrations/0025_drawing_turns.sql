-- Up Migration

-- A drawing is written in turns (engine/settling/raffle-drawing.ts): nobody has won before all of it is there.
create or replace view entry_outcomes as
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
  left join grants g on g.campaign_id = e.campaign_id and g.user_id = e.user_id and (c.kind <> 'raffle' or c.granted_count > 0)
  left join withdrawals w on w.campaign_id = e.campaign_id and w.user_id = e.user_id
  left join room_people p on c.kind = 'room' and p.campaign_id = e.campaign_id and p.user_id = e.user_id;

-- Down Migration

create or replace view entry_outcomes as
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
