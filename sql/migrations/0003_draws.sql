-- Up Migration

-- What is announced of a campaign, and how a raffle came to its winners.

-- Postgres takes convert_to for something that could change; to UTF-8 it cannot.
create function hash_of_text(text) returns bytea language sql immutable strict parallel safe
  as $$ select sha256(convert_to($1, 'UTF8')) $$;

alter table campaigns
  -- Canonical JSON, as it is shown. Null in campaigns made before there were rules, until the engine has written them.
  add column rules          text,
  add column rules_hash     bytea generated always as (hash_of_text(rules)) stored,
  -- Of a raffle by commitment: with DRAW_SECRET it makes the secret.
  add column nonce          bytea check (octet_length(nonce) = 32),
  -- Over the frozen_count entries of the frozen pool.
  add column pool_root      bytea check (octet_length(pool_root) = 32),
  -- What the seed is made of, once it was revealed: the secret, or the hash of the round's signature.
  add column randomness     bytea check (octet_length(randomness) = 32),
  add column signature      bytea check (octet_length(signature) = 48),
  -- Prizes that were passed on to alternates, and when that last happened.
  add column redrawn_count  integer not null default 0,
  add column redrawn_at     timestamptz(3);

-- A seed that nothing was drawn with yet and nobody can check: it gives way to one that follows from the rules.
alter table campaigns disable trigger campaigns_guard;
update campaigns set seed = null, seed_source = null, revision = revision + 1
 where seed is not null and finished_at is null;
alter table campaigns enable trigger campaigns_guard;

alter table campaigns
  add constraint campaigns_pool check (pool_root is null or (kind = 'raffle' and frozen_at is not null and frozen_count is not null)),
  -- Randomness is no earlier than the freeze, and the seed no earlier than that. 'local': drawn before there were rules.
  add constraint campaigns_revealed check (randomness is null or (rules is not null and pool_root is not null)),
  add constraint campaigns_seed_revealed check (seed_source = 'local' or (seed is null) = (randomness is null)),
  add constraint campaigns_signature check (signature is null or randomness is not null),
  add constraint campaigns_redrawn check ((redrawn_count = 0) = (redrawn_at is null));

-- What is settled about entrants of a raffle before its freeze, whether they have entered or not.
create table entrant_terms (
  campaign_id  integer not null references campaigns,
  user_id      text collate "C" not null check (octet_length(user_id) between 1 and 128),
  tickets      integer not null check (tickets between 1 and 1000),
  user_group   text check (char_length(user_group) between 1 and 100),
  -- Why they are not drawn; null: they are.
  excluded     text check (char_length(excluded) between 1 and 200),
  primary key (campaign_id, user_id)
);

alter table grants
  -- Of a winner drawn: which prize, from 0.
  add column tier integer check (tier >= 0);

-- Who stands in for winners, in this order.
create table alternates (
  campaign_id  integer not null references campaigns,
  place        integer not null check (place >= 1),
  user_id      text collate "C" not null,
  primary key (campaign_id, place),
  constraint alternates_user unique (campaign_id, user_id),
  foreign key (campaign_id, user_id) references entries
);

-- Prizes that were passed on: from whom, and to which alternate.
create table passed_on (
  campaign_id   integer not null,
  place         integer not null,
  serial        integer not null,
  user_id       text collate "C" not null,
  reason        text not null check (char_length(reason) between 1 and 200),
  passed_on_at  timestamptz(3) not null default now(),
  primary key (campaign_id, place),
  foreign key (campaign_id, place) references alternates,
  foreign key (campaign_id, serial) references grants
);
create index passed_on_serial on passed_on (campaign_id, serial);

-- The proof of a draw, one canonical JSON text in parts that are put together in this order.
create table draw_proofs (
  campaign_id  integer not null references campaigns,
  part         integer not null check (part >= 0),
  text         text not null,
  primary key (campaign_id, part)
);

-- Rules that were announced do not change, nor those of a campaign with entries; times that have passed do not either.
create or replace function campaigns_guard() returns trigger language plpgsql as $$
begin
  if (new.campaign_id, new.kind, new.places, new.title, new.opens_at, new.created_at)
     is distinct from (old.campaign_id, old.kind, old.places, old.title, old.opens_at, old.created_at)
     and (old.rules is not null or exists (select from entries where campaign_id = old.campaign_id)) then
    raise exception 'campaign % has entries, or its rules were announced: its kind, title, places and opening cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_rules';
  end if;
  if old.rules is not null and (new.rules, new.nonce) is distinct from (old.rules, old.nonce) then
    raise exception 'campaign %: its rules were announced and cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_rules_once';
  end if;
  if old.closing_at is not null and new.closing_at is distinct from old.closing_at then
    raise exception 'campaign % was told to close: closing_at cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_closing_once';
  end if;
  if new.closes_at is distinct from old.closes_at and old.frozen_at is not null then
    raise exception 'campaign % is closed for good: closes_at cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_closed';
  end if;
  if old.pool_root is not null
     and (new.pool_root, new.frozen_count, new.frozen_at) is distinct from (old.pool_root, old.frozen_count, old.frozen_at) then
    raise exception 'campaign %: its pool is frozen and cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_pool_once';
  end if;
  if old.seed is not null
     and (new.seed, new.seed_source, new.randomness, new.signature)
         is distinct from (old.seed, old.seed_source, old.randomness, old.signature) then
    raise exception 'campaign % has its seed: it cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_seed_once';
  end if;
  if new.settled_stamp < old.settled_stamp or new.granted_count < old.granted_count
     or new.redrawn_count < old.redrawn_count then
    raise exception 'campaign %: what is settled stays settled', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_forward';
  end if;
  new.revision := old.revision + 1;
  return new;
end $$;

-- Terms are settled before the freeze. The lock keeps a freeze waiting until they are there, or them until it is over.
create function entrant_terms_guard() returns trigger language plpgsql as $$
declare
  of_campaign constant integer := case when tg_op = 'INSERT' then new.campaign_id else old.campaign_id end;
begin
  perform from campaigns
    where campaign_id = of_campaign and kind = 'raffle' and frozen_at is null for share;
  if not found or (tg_op = 'UPDATE' and new.campaign_id <> old.campaign_id) then
    raise exception 'campaign % is no raffle, or its pool is frozen: terms of entrants cannot change', of_campaign
      using errcode = 'check_violation', constraint = 'entrant_terms_frozen';
  end if;
  return case when tg_op = 'DELETE' then old else new end;
end $$;
create trigger entrant_terms_guard before insert or update or delete on entrant_terms
  for each row execute function entrant_terms_guard();

create function drawn_keep() returns trigger language plpgsql as $$
begin
  raise exception '%: what was drawn is never changed', tg_table_name
    using errcode = 'check_violation', constraint = 'drawn_keep';
end $$;
create trigger alternates_keep before update or delete on alternates for each row execute function drawn_keep();
create trigger passed_on_keep before update or delete on passed_on for each row execute function drawn_keep();
create trigger draw_proofs_keep before update or delete on draw_proofs for each row execute function drawn_keep();

-- Down Migration

drop table draw_proofs, passed_on, alternates, entrant_terms;
drop function drawn_keep();
drop function entrant_terms_guard();
alter table grants drop column tier;
create or replace function campaigns_guard() returns trigger language plpgsql as $$
begin
  if (new.campaign_id, new.kind, new.places, new.title, new.opens_at, new.created_at)
     is distinct from (old.campaign_id, old.kind, old.places, old.title, old.opens_at, old.created_at)
     and exists (select from entries where campaign_id = old.campaign_id) then
    raise exception 'campaign % has entries: its kind, title, places and opening cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_rules';
  end if;
  if old.closing_at is not null and new.closing_at is distinct from old.closing_at then
    raise exception 'campaign % was told to close: closing_at cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_closing_once';
  end if;
  if new.closes_at is distinct from old.closes_at and old.frozen_at is not null then
    raise exception 'campaign % is closed for good: closes_at cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_closed';
  end if;
  if old.seed is not null and new.seed is distinct from old.seed then
    raise exception 'campaign % has its seed: it cannot change', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_seed_once';
  end if;
  if new.settled_stamp < old.settled_stamp or new.granted_count < old.granted_count then
    raise exception 'campaign %: what is settled stays settled', old.campaign_id
      using errcode = 'check_violation', constraint = 'campaigns_forward';
  end if;
  new.revision := old.revision + 1;
  return new;
end $$;
alter table campaigns
  drop column rules_hash,
  drop column rules,
  drop column nonce,
  drop column pool_root,
  drop column randomness,
  drop column signature,
  drop column redrawn_count,
  drop column redrawn_at;
drop function hash_of_text(text);
