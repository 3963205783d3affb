-- Up Migration

-- The position among those who wait, or are drawn as alternates, from 1. Constraints, indexes and views follow a renamed
-- column; bodies of functions do not.
alter table alternates rename column place to waitlist_position;
alter table passed_on rename column place to waitlist_position;
alter table claimants rename column place to waitlist_position;
alter table alternates rename constraint alternates_place_check to alternates_waitlist_position_check;
alter table claimants rename constraint claimants_place_check to claimants_waitlist_position_check;
alter table passed_on rename constraint passed_on_campaign_id_place_fkey to passed_on_campaign_id_waitlist_position_fkey;
create or replace function claimants_guard() returns trigger language plpgsql as $$
begin
  if new.state <> old.state and not (
       (old.state = 'waitlisted' and new.state in ('offered', 'left'))
       or (old.state = 'offered' and new.state in ('claimed', 'lapsed', 'declined'))) then
    raise exception 'campaign %: who is % cannot become %', old.campaign_id, old.state, new.state
      using errcode = 'check_violation', constraint = 'claimants_states';
  end if;
  if (new.campaign_id, new.number, new.user_id, new.waitlist_position)
     is distinct from (old.campaign_id, old.number, old.user_id, old.waitlist_position)
     or (old.serial is not null and (new.serial, new.offered_us) is distinct from (old.serial, old.offered_us)) then
    raise exception 'campaign %: who a claimant is, and what they were offered, never changes', old.campaign_id
      using errcode = 'check_violation', constraint = 'claimants_keep';
  end if;
  return new;
end $$;

-- Down Migration

alter table alternates rename column waitlist_position to place;
alter table passed_on rename column waitlist_position to place;
alter table claimants rename column waitlist_position to place;
alter table alternates rename constraint alternates_waitlist_position_check to alternates_place_check;
alter table claimants rename constraint claimants_waitlist_position_check to claimants_place_check;
alter table passed_on rename constraint passed_on_campaign_id_waitlist_position_fkey to passed_on_campaign_id_place_fkey;
create or replace function claimants_guard() returns trigger language plpgsql as $$
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
