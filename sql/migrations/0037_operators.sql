-- Up Migration

-- Accounts of people who operate fairline. An account is invited first (without a password), enrols by a link, and can be disabled; it
-- is never deleted and its name never changes, so a name in the operator log without a token is one person's for good.
create table operators (
  operator_id   integer generated always as identity primary key,
  name          text not null check (char_length(name) between 1 and 100 and lower(name) <> 'operator'),
  role          text not null check (role in ('viewer', 'editor', 'drawer', 'owner')),
  made_by       text not null,
  made_at       timestamptz(3) not null,
  -- Null until the account has enrolled.
  enrolled_at   timestamptz(3),
  password_hash text check (password_hash like '$argon2id$%'),
  -- The TOTP secret, AES-256-GCM under a key that is not in the database; engine/operators/accounts/operator-keys.ts.
  totp_sealed   bytea,
  -- The step of the last code that was accepted: this one and earlier ones are refused (RFC 6238, section 5.2).
  totp_step     bigint,
  last_login_at timestamptz(3),
  disabled_at   timestamptz(3),
  disabled_by   text,
  -- Counts changes of the role and of what disables.
  version       integer not null default 1,
  constraint operators_enrolled check (num_nonnulls(enrolled_at, password_hash, totp_sealed, totp_step) in (0, 4)),
  constraint operators_disabled check ((disabled_at is null) = (disabled_by is null))
);
-- In any letter case: what is recorded under a name can be told apart.
create unique index operators_name on operators (lower(name));

-- Links by which an account enrols, once. One for each account, which replaces the former one; operator_id is null for the link that
-- makes the first owner. A row is deleted by its use.
create table operator_links (
  secret_hash bytea primary key check (octet_length(secret_hash) = 32),
  operator_id integer references operators (operator_id),
  made_by     text not null,
  made_at     timestamptz(3) not null,
  expires_at  timestamptz(3) not null,
  constraint operator_links_operator unique nulls not distinct (operator_id),
  constraint operator_links_expiry check (expires_at > made_at)
);

-- Sessions of accounts. A row is deleted when the session ends.
create table operator_sessions (
  session_id   integer generated always as identity primary key,
  operator_id  integer not null references operators (operator_id),
  -- SHA-256 of the cookie: 256 random bits, which a slow hash would protect no better.
  secret_hash  bytea not null unique check (octet_length(secret_hash) = 32),
  user_agent   text not null check (char_length(user_agent) <= 256),
  made_at      timestamptz(3) not null,
  expires_at   timestamptz(3) not null,
  -- Up to a minute old.
  last_used_at timestamptz(3) not null,
  constraint operator_sessions_expiry check (expires_at > made_at)
);
create index operator_sessions_operator on operator_sessions (operator_id);
create index operator_sessions_end on operator_sessions (expires_at);

-- Codes that stand in for a lost authenticator. A row is deleted by its use.
create table operator_recovery_codes (
  operator_id integer not null references operators (operator_id),
  -- HMAC-SHA-256 under a key that is not in the database: a code is short enough to be found from a plain hash.
  code_hash   bytea not null check (octet_length(code_hash) = 32),
  primary key (operator_id, code_hash)
);

-- A name belongs to one account or to one valid token, never to both: versions of a campaign record the name alone.
create function operator_names() returns trigger language plpgsql as $$
declare
  taken boolean;
begin
  perform pg_advisory_xact_lock(hashtext('fairline operator names'));
  if tg_table_name = 'operators' then
    taken := exists (select from operator_tokens where lower(name) = lower(new.name) and revoked_at is null);
  else
    taken := exists (select from operators where lower(name) = lower(new.name));
  end if;
  if taken then
    raise exception 'the name % is taken', new.name using errcode = 'unique_violation', constraint = 'operator_names';
  end if;
  return new;
end $$;
create trigger operator_names before insert on operators for each row execute function operator_names();
create trigger operator_names before insert on operator_tokens for each row execute function operator_names();

-- An owner who has enrolled and is not disabled is never the last one to stop being so. Two owners who demote each other at the same
-- moment wait here for each other, and the second one sees what the first one did.
create function operators_keep_owner() returns trigger language plpgsql as $$
begin
  if old.role <> 'owner' or old.enrolled_at is null or old.disabled_at is not null then
    return new;
  end if;
  if new.role = 'owner' and new.enrolled_at is not null and new.disabled_at is null then
    return new;
  end if;
  perform pg_advisory_xact_lock(hashtext('fairline owners'));
  if not exists (select from operators
                  where role = 'owner' and enrolled_at is not null and disabled_at is null
                    and operator_id <> old.operator_id) then
    raise exception 'operator % is the last owner', old.operator_id
      using errcode = 'check_violation', constraint = 'operators_keep_owner';
  end if;
  return new;
end $$;
create trigger operators_keep_owner before update on operators for each row execute function operators_keep_owner();

-- Accounts stay, so that a name stays one person's.
create function operators_stay() returns trigger language plpgsql as $$
begin
  raise exception 'an account of an operator is disabled, never deleted or renamed'
    using errcode = 'check_violation', constraint = 'operators_stay';
end $$;
create trigger operators_stay before delete or truncate on operators for each statement execute function operators_stay();
create trigger operators_name_stays before update of name on operators for each row
  when (old.name is distinct from new.name) execute function operators_stay();

-- Down Migration

drop trigger operator_names on operator_tokens;
drop table operator_recovery_codes, operator_sessions, operator_links, operators;
drop function operator_names();
drop function operators_keep_owner();
drop function operators_stay();
