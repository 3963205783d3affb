-- Up Migration

-- An offer is ended by hand in two halves, like a campaign that is closed ahead of time: engine/campaigns/telling/offers.ts.
alter table claimants
  -- The deadline as gateways are told it since the end was asked for, without what campaigns.unheard_us adds to it. The ledger
  -- still decides by claim_by_us, which comes forward once every gateway must have heard.
  add column ending_us  bigint,
  add constraint claimants_ending check (ending_us is null or (ended_early is not null and ending_us <= claim_by_us));
create index claimants_begun_ends on claimants (campaign_id) where state = 'offered' and ending_us is not null;

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

-- Down Migration

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
  elsif new.claim_by_us > old.claim_by_us and not new.deadline_moved then
    raise exception 'campaign %: a deadline is extended by nobody', new.campaign_id
      using errcode = 'check_violation', constraint = 'claimants_extended';
  end if;
  return new;
end $$;
drop index claimants_begun_ends;
alter table claimants
  drop constraint claimants_ending,
  drop column ending_us;
