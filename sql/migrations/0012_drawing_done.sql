-- Up Migration

-- A raffle is drawn when its winners are, also where they have to claim what they have won: it is finished days later then.
create or replace function campaigns_done() returns trigger language plpgsql as $$
declare
  drawn_at timestamptz := coalesce(new.decided_at, new.finished_at);
begin
  if new.frozen_at is not null then
    insert into scheduled_done (campaign_id, kind, due_at, done_at)
    values (new.campaign_id, 'closing', new.closes_at, new.frozen_at) on conflict do nothing;
  end if;
  if drawn_at is not null and new.kind = 'raffle' and new.cancelled_stamp is null then
    insert into scheduled_done (campaign_id, kind, due_at, done_at)
    values (new.campaign_id, 'drawing', coalesce(new.draws_at, new.closes_at), drawn_at) on conflict do nothing;
  end if;
  return null;
end $$;
drop trigger campaigns_done on campaigns;
create trigger campaigns_done after update on campaigns for each row
  when ((old.frozen_at is null and new.frozen_at is not null) or (old.decided_at is null and new.decided_at is not null)
        or (old.finished_at is null and new.finished_at is not null))
  execute function campaigns_done();

-- Down Migration

drop trigger campaigns_done on campaigns;
create or replace function campaigns_done() returns trigger language plpgsql as $$
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
