-- Up Migration

-- Names of the field: available time and outages for what was called heard and unheard, dead letters for what was set aside.
alter table hearing rename to availability;
alter table availability rename column heard_ms to available_ms;
alter table availability rename constraint hearing_pkey to availability_pkey;
alter table availability rename constraint hearing_one_row_check to availability_one_row_check;
alter table availability rename constraint hearing_heard_ms_check to availability_available_ms_check;
alter trigger hearing_outage on availability rename to availability_outage;
alter function hearing_outage() rename to availability_outage;
alter table campaigns rename column unheard_us to outage_us;
alter table campaigns rename column unheard_seen_us to outage_seen_us;
alter table campaigns rename constraint campaigns_unheard_us_check to campaigns_outage_us_check;
alter trigger campaigns_unheard on campaigns rename to campaigns_outage;
alter function campaigns_unheard() rename to campaigns_outage;
alter table outages rename column unheard_ms to outage_ms;
alter table outages rename constraint outages_unheard_ms_key to outages_outage_ms_key;
alter table rooms rename column heard_ms to available_ms;
alter table rooms rename column heard_at_ms to available_through_ms;
alter table rooms rename column heard_moved_us to available_moved_us;
alter table set_aside rename to dead_letters;
alter table dead_letters rename column set_aside_id to dead_letter_id;
alter table dead_letters rename column set_aside_at to recorded_at;
alter table dead_letters rename constraint set_aside_pkey to dead_letters_pkey;
alter table dead_letters rename constraint set_aside_place to dead_letters_position;
alter sequence set_aside_set_aside_id_seq rename to dead_letters_dead_letter_id_seq;

-- What archives keep in JSON.
update archives set totals = (totals - 'setAside') || jsonb_build_object('deadLetters', totals -> 'setAside')
 where totals ? 'setAside';
-- The board's records of these have a member of another name: a new revision has engines publish them anew.
update campaigns set title = title where claim_within_s is not null and shelved_at is null;

-- Bodies of functions do not follow a rename.
create or replace function availability_outage() returns trigger language plpgsql as $$
begin
  -- The beginning of the row is no instant.
  if old.through_ms > 0 and new.through_ms - new.available_ms > old.through_ms - old.available_ms then
    insert into outages (from_ms, to_ms, outage_ms)
    values (new.available_ms + old.through_ms - old.available_ms, new.through_ms, new.through_ms - new.available_ms);
  end if;
  return null;
end $$;

create or replace function campaigns_outage() returns trigger language plpgsql as $$
begin
  if new.outage_us - old.outage_us > (
       select coalesce(sum(to_ms - from_ms), 0) * 1000 from outages
        where outage_ms * 1000 > old.outage_seen_us and outage_ms * 1000 <= new.outage_seen_us) then
    raise exception 'campaign %: deadlines are extended by % us, and no such outage was measured', old.campaign_id,
      new.outage_us - old.outage_us using errcode = 'check_violation', constraint = 'campaigns_outage';
  end if;
  return new;
end $$;

create or replace function claimants_deadline() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' or old.state <> 'offered' then
    if new.claim_by_us > (select new.offered_us + c.claim_within_s * 1000000::bigint - c.outage_us
                            from campaigns c where c.campaign_id = new.campaign_id) then
      raise exception 'campaign %: an offer can be claimed for longer than the rules say', new.campaign_id
        using errcode = 'check_violation', constraint = 'claimants_within';
    end if;
    -- Behind that it is not known whether it is an outage, whose end would be given to who was offered something in it.
    if new.offered_us > (select through_ms * 1000 + 3000000 from availability where through_ms > 0) then
      raise exception 'campaign %: an offer is made during an outage', new.campaign_id
        using errcode = 'check_violation', constraint = 'claimants_available';
    end if;
    return new;
  end if;
  if new.claim_by_us > old.claim_by_us and (not new.deadline_moved or old.ending_us is not null) then
    raise exception 'campaign %: a deadline is extended by nobody', new.campaign_id
      using errcode = 'check_violation', constraint = 'claimants_extended';
  end if;
  -- Else a gateway that has not heard would answer that something is claimed which the ledger lets lapse.
  if new.claim_by_us < old.claim_by_us and old.ending_us is null then
    raise exception 'campaign %: a deadline comes forward before gateways are told', new.campaign_id
      using errcode = 'check_violation', constraint = 'claimants_told';
  end if;
  -- Gateways may have heard.
  if old.ending_us is not null and new.ending_us is distinct from old.ending_us then
    raise exception 'campaign %: the end of an offer is told once', new.campaign_id
      using errcode = 'check_violation', constraint = 'claimants_ending_once';
  end if;
  return new;
end $$;

-- Down Migration

update archives set totals = (totals - 'deadLetters') || jsonb_build_object('setAside', totals -> 'deadLetters')
 where totals ? 'deadLetters';
update campaigns set title = title where claim_within_s is not null and shelved_at is null;
alter sequence dead_letters_dead_letter_id_seq rename to set_aside_set_aside_id_seq;
alter table dead_letters rename constraint dead_letters_position to set_aside_place;
alter table dead_letters rename constraint dead_letters_pkey to set_aside_pkey;
alter table dead_letters rename column recorded_at to set_aside_at;
alter table dead_letters rename column dead_letter_id to set_aside_id;
alter table dead_letters rename to set_aside;
alter table rooms rename column available_moved_us to heard_moved_us;
alter table rooms rename column available_through_ms to heard_at_ms;
alter table rooms rename column available_ms to heard_ms;
alter table outages rename constraint outages_outage_ms_key to outages_unheard_ms_key;
alter table outages rename column outage_ms to unheard_ms;
alter function campaigns_outage() rename to campaigns_unheard;
alter trigger campaigns_outage on campaigns rename to campaigns_unheard;
alter table campaigns rename constraint campaigns_outage_us_check to campaigns_unheard_us_check;
alter table campaigns rename column outage_seen_us to unheard_seen_us;
alter table campaigns rename column outage_us to unheard_us;
alter function availability_outage() rename to hearing_outage;
alter trigger availability_outage on availability rename to hearing_outage;
alter table availability rename constraint availability_available_ms_check to hearing_heard_ms_check;
alter table availability rename constraint availability_one_row_check to hearing_one_row_check;
alter table availability rename constraint availability_pkey to hearing_pkey;
alter table availability rename column available_ms to heard_ms;
alter table availability rename to hearing;

create or replace function hearing_outage() returns trigger language plpgsql as $$
begin
  -- The beginning of the row is no instant.
  if old.through_ms > 0 and new.through_ms - new.heard_ms > old.through_ms - old.heard_ms then
    insert into outages (from_ms, to_ms, unheard_ms)
    values (new.heard_ms + old.through_ms - old.heard_ms, new.through_ms, new.through_ms - new.heard_ms);
  end if;
  return null;
end $$;

create or replace function campaigns_unheard() returns trigger language plpgsql as $$
begin
  if new.unheard_us - old.unheard_us > (
       select coalesce(sum(to_ms - from_ms), 0) * 1000 from outages
        where unheard_ms * 1000 > old.unheard_seen_us and unheard_ms * 1000 <= new.unheard_seen_us) then
    raise exception 'campaign %: deadlines are extended by % us, and no such outage was measured', old.campaign_id,
      new.unheard_us - old.unheard_us using errcode = 'check_violation', constraint = 'campaigns_unheard';
  end if;
  return new;
end $$;

create or replace function claimants_deadline() returns trigger language plpgsql as $$
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
    return new;
  end if;
  if new.claim_by_us > old.claim_by_us and (not new.deadline_moved or old.ending_us is not null) then
    raise exception 'campaign %: a deadline is extended by nobody', new.campaign_id
      using errcode = 'check_violation', constraint = 'claimants_extended';
  end if;
  -- Else a gateway that has not heard would answer that something is claimed which the ledger lets lapse.
  if new.claim_by_us < old.claim_by_us and old.ending_us is null then
    raise exception 'campaign %: a deadline comes forward before gateways are told', new.campaign_id
      using errcode = 'check_violation', constraint = 'claimants_told';
  end if;
  -- Gateways may have heard.
  if old.ending_us is not null and new.ending_us is distinct from old.ending_us then
    raise exception 'campaign %: the end of an offer is told once', new.campaign_id
      using errcode = 'check_violation', constraint = 'claimants_ending_once';
  end if;
  return new;
end $$;
