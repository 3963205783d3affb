-- Up Migration

-- No deadline lies further away than the rules and the outages that were measured allow: kept here, so that no bug of an
-- engine, whichever, can write one that does.

-- Outages as heard time measures them (engine/hearing.ts): nothing of the time from one instant to the other counts.
create table outages (
  -- Milliseconds since the epoch on the clock that gateways share.
  from_ms     bigint primary key,
  to_ms       bigint not null,
  -- All the time up to to_ms that does not count, by which campaigns.unheard_seen_us tells how far a campaign has come.
  unheard_ms  bigint not null unique,
  constraint outages_order check (to_ms > from_ms)
);

create function hearing_outage() returns trigger language plpgsql as $$
begin
  -- The beginning of the row is no instant.
  if old.through_ms > 0 and new.through_ms - new.heard_ms > old.through_ms - old.heard_ms then
    insert into outages (from_ms, to_ms, unheard_ms)
    values (new.heard_ms + old.through_ms - old.heard_ms, new.through_ms, new.through_ms - new.heard_ms);
  end if;
  return null;
end $$;
create trigger hearing_outage after update on hearing for each row execute function hearing_outage();

-- What campaigns have not taken account of yet was measured before outages were kept.
update campaigns c
   set unheard_us = c.unheard_us + case c.unheard_seen_us when 0 then 0
                                     else 1000 * (h.through_ms - h.heard_ms) - c.unheard_seen_us end,
       unheard_seen_us = 1000 * (h.through_ms - h.heard_ms)
  from hearing h
 where c.claim_within_s is not null and c.finished_at is null and c.unheard_seen_us < 1000 * (h.through_ms - h.heard_ms);

create function campaigns_unheard() returns trigger language plpgsql as $$
begin
  if new.unheard_us - old.unheard_us > (
       select coalesce(sum(to_ms - from_ms), 0) * 1000 from outages
        where unheard_ms * 1000 > old.unheard_seen_us and unheard_ms * 1000 <= new.unheard_seen_us) then
    raise exception 'campaign %: deadlines are extended by % us, and no such outage was measured', old.campaign_id,
      new.unheard_us - old.unheard_us using errcode = 'check_violation', constraint = 'campaigns_unheard';
  end if;
  return new;
end $$;
create trigger campaigns_unheard before update on campaigns for each row
  when (new.unheard_us > old.unheard_us) execute function campaigns_unheard();

-- The operator has moved the deadline: it is theirs, and no more what the rules say.
alter table claimants add column deadline_moved boolean not null default false;

create function claimants_deadline() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' or old.state <> 'offered' then
    if new.claim_by_us > (select new.offered_us + c.claim_within_s * 1000000::bigint - c.unheard_us
                            from campaigns c where c.campaign_id = new.campaign_id) then
      raise exception 'campaign %: an offer can be claimed for longer than the rules say', new.campaign_id
        using errcode = 'check_violation', constraint = 'claimants_within';
    end if;
    -- Behind that it is not known whether it is an outage, whose end would be given to who was offered something in it.
    if new.offered_us > (select through_ms * 1000 + 3000000 from hearing where through_ms > 0) then
      raise exception 'campaign %: an offer is made while nobody can be heard', new.campaign_id
        using errcode = 'check_violation', constraint = 'claimants_heard';
    end if;
  elsif new.claim_by_us > old.claim_by_us and not new.deadline_moved then
    raise exception 'campaign %: a deadline is extended by nobody', new.campaign_id
      using errcode = 'check_violation', constraint = 'claimants_extended';
  end if;
  return new;
end $$;
create trigger claimants_deadline before insert or update on claimants for each row
  when (new.state = 'offered') execute function claimants_deadline();

-- Down Migration

drop trigger claimants_deadline on claimants;
drop function claimants_deadline();
alter table claimants drop column deadline_moved;
drop trigger campaigns_unheard on campaigns;
drop function campaigns_unheard();
drop trigger hearing_outage on hearing;
drop function hearing_outage();
drop table outages;
