-- Up Migration

-- Whether an edit after the announcement, a cancellation, and what decides about a draw wait for a second operator.
alter table campaigns add column two_person boolean not null default false;

-- What an operator asked for that waits for another one. It is decided once, by the transaction that does it or withdraws it.
create table proposals (
  proposal_id    bigint generated always as identity primary key,
  campaign_id    integer not null references campaigns,
  -- The operation of the API, and the body of the request, as JSON.
  operation      text not null check (operation in ('editCampaign', 'announceCampaign', 'cancelCampaign', 'closeCampaign',
                                                    'passOn', 'setEntrants', 'setTwoPerson')),
  body           text not null check (json_typeof(body::json) is not null),
  -- What the dry run said of it.
  would          text not null check (json_typeof(would::json) = 'object'),
  -- The version of the campaign that it is based on.
  version        integer not null,
  reason         text,
  proposed_by    text not null,
  proposed_role  text not null check (proposed_role in ('viewer', 'editor', 'drawer', 'owner')),
  proposed_token integer,
  proposed_at    timestamptz(3) not null default now(),
  expires_at     timestamptz(3) not null,
  -- One that has expired stays pending.
  state          text not null default 'pending' check (state in ('pending', 'approved', 'withdrawn')),
  decided_by     text,
  decided_token  integer,
  decided_at     timestamptz(3),
  constraint proposals_expiry check (expires_at > proposed_at),
  constraint proposals_decided check ((state = 'pending') = (decided_at is null) and (decided_by is null) = (decided_at is null)),
  -- The rule itself: whoever writes here, nobody approves what they proposed.
  constraint proposals_two check (state <> 'approved' or (lower(decided_by) <> lower(proposed_by)
                                                          and (decided_token is null or decided_token is distinct from proposed_token)))
);
create index proposals_campaign on proposals (campaign_id) where state = 'pending';

create function proposals_once() returns trigger language plpgsql as $$
begin
  raise exception 'proposal % was decided', old.proposal_id
    using errcode = 'check_violation', constraint = 'proposals_once';
end $$;
create trigger proposals_once before update on proposals for each row when (old.state <> 'pending')
  execute function proposals_once();

-- Down Migration

drop table proposals;
drop function proposals_once();
alter table campaigns drop column two_person;
