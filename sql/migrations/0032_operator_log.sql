-- Up Migration

-- What operators did: a row for each act, written by the transaction that did it. A row's hash covers the row and the hash
-- before it, so a row that is changed, removed, inserted or moved contradicts the rest, or a head that was signed.
-- No row refers to another table: the log stays whole, whatever becomes of what it is about.
create table operator_log (
  seq       bigint primary key,
  at        timestamptz(3) not null,
  -- The name of the token, or 'operator' for the engines' own, whose token_id is null.
  operator  text not null check (char_length(operator) between 1 and 100),
  token_id  integer,
  role      text not null check (role in ('viewer', 'editor', 'drawer', 'owner')),
  -- The operation of the API.
  action    text not null,
  -- What it was done to: `campaign 12`.
  target    text not null,
  reason    text,
  -- Canonical JSON. No secrets, and no ids of fans.
  details   text not null check (json_typeof(details::json) = 'object'),
  hash      bytea not null check (octet_length(hash) = 32)
);

-- The end of the chain. Its row is the lock under which rows are chained.
create table operator_log_head (
  one_row  boolean primary key default true check (one_row),
  seq      bigint not null,
  hash     bytea not null
);
insert into operator_log_head (seq, hash) values (0, decode(repeat('00', 32), 'hex'));

-- Heads that an engine has signed with the key for books.
create table operator_log_heads (
  seq        bigint primary key,
  hash       bytea not null check (octet_length(hash) = 32),
  -- When it was signed, by the engine's clock.
  at         timestamptz(3) not null,
  key_id     text not null check (key_id ~ '^[0-9a-f]{16}$'),
  signature  bytea not null check (octet_length(signature) = 64)
);

-- A text with its length in front, so that no two lists of texts have the same bytes; null has a length of its own.
create function operator_log_field(text) returns bytea language sql immutable parallel safe as $$
  select coalesce(int4send(octet_length(convert_to($1, 'UTF8'))) || convert_to($1, 'UTF8'), '\xffffffff'::bytea)
$$;

-- engine/verify/log/log-row.ts describes the bytes.
create function operator_log_hash(previous bytea, acted operator_log) returns bytea
  language sql immutable parallel safe as $$
  select sha256(
    convert_to('fairline operator log 1', 'UTF8') || previous || int8send(acted.seq)
    || int8send((extract(epoch from acted.at) * 1000)::bigint)
    || sha256(operator_log_field(acted.operator) || operator_log_field(acted.token_id::text)
              || operator_log_field(acted.role) || operator_log_field(acted.action) || operator_log_field(acted.target)
              || operator_log_field(acted.reason) || operator_log_field(acted.details)))
$$;

-- Waits for every other transaction that has acted, so rows are chained in the order of commits, and a rollback leaves no gap.
-- Only acts of operators wait here. It is the last lock that a transaction takes: nobody who holds it waits for another one.
create function operator_log_chain() returns trigger language plpgsql as $$
declare
  head operator_log_head;
begin
  select * into strict head from operator_log_head for update;
  new.seq := head.seq + 1;
  new.at := date_trunc('milliseconds', clock_timestamp());
  new.hash := operator_log_hash(head.hash, new);
  update operator_log_head set seq = new.seq, hash = new.hash;
  return new;
end $$;
create trigger operator_log_chain before insert on operator_log for each row execute function operator_log_chain();

-- These stop mistakes. A superuser can drop them; the chain and the signed heads show what was done then.
create function operator_log_keep() returns trigger language plpgsql as $$
begin
  raise exception '%: what operators did is never changed', tg_table_name
    using errcode = 'check_violation', constraint = 'operator_log_keep';
end $$;
create trigger operator_log_keep before update or delete or truncate on operator_log
  for each statement execute function operator_log_keep();
create trigger operator_log_heads_keep before update or delete or truncate on operator_log_heads
  for each statement execute function operator_log_keep();
create trigger operator_log_head_keep before insert or update or delete or truncate on operator_log_head
  for each statement when (pg_trigger_depth() = 0) execute function operator_log_keep();

-- Who asked for a version that gateways confirm first: any engine may put it into effect, and its row into the log. Null for
-- versions that are logged by the transaction that asks.
alter table campaign_versions
  add column asked_role  text check (asked_role in ('viewer', 'editor', 'drawer', 'owner')),
  add column asked_token integer;

-- Down Migration

alter table campaign_versions drop column asked_role, drop column asked_token;
drop table operator_log_heads, operator_log_head;
drop function operator_log_hash(bytea, operator_log);
drop table operator_log;
drop function operator_log_chain();
drop function operator_log_keep();
drop function operator_log_field(text);
