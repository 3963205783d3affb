-- Up Migration

-- Terms of entrants leave with an archived campaign, and come back with it: by then the draw is long proven.
create or replace function entrant_terms_guard() returns trigger language plpgsql as $$
declare
  of_campaign constant integer := case when tg_op = 'INSERT' then new.campaign_id else old.campaign_id end;
begin
  if tg_op <> 'UPDATE' and exists (select from archives where campaign_id = of_campaign) then
    return case when tg_op = 'DELETE' then old else new end;
  end if;
  -- The lock keeps a freeze waiting until the terms are there, or them until it is over.
  perform from campaigns where campaign_id = of_campaign for share;
  if (tg_op = 'UPDATE' and new.campaign_id <> old.campaign_id)
     or not exists (select from campaigns
                     where campaign_id = of_campaign and kind = 'raffle'
                       and terms_are_open(closes_at, closing_at, frozen_at)) then
    raise exception 'campaign % is no raffle, or it is closed: terms of entrants cannot change', of_campaign
      using errcode = 'check_violation', constraint = 'entrant_terms_frozen';
  end if;
  return case when tg_op = 'DELETE' then old else new end;
end $$;

-- Down Migration

create or replace function entrant_terms_guard() returns trigger language plpgsql as $$
declare
  of_campaign constant integer := case when tg_op = 'INSERT' then new.campaign_id else old.campaign_id end;
begin
  -- The lock keeps a freeze waiting until the terms are there, or them until it is over.
  perform from campaigns where campaign_id = of_campaign for share;
  if (tg_op = 'UPDATE' and new.campaign_id <> old.campaign_id)
     or not exists (select from campaigns
                     where campaign_id = of_campaign and kind = 'raffle'
                       and terms_are_open(closes_at, closing_at, frozen_at)) then
    raise exception 'campaign % is no raffle, or it is closed: terms of entrants cannot change', of_campaign
      using errcode = 'check_violation', constraint = 'entrant_terms_frozen';
  end if;
  return case when tg_op = 'DELETE' then old else new end;
end $$;
