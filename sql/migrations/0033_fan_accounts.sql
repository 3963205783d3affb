-- Up Migration

-- Accounts of fans, for shops without accounts of their own. Columns are those of better-auth's models (user, session, account),
-- in snake_case; gateway/accounts/library/library.ts maps them. A fan's id is the user of their tickets, so it is in entries:
-- deleting an account deletes everything here, and leaves entries under an id that stands for nobody.
create table fans (
  id             text primary key check (id ~ '^[A-Za-z0-9]{32}$'),
  -- The library requires a name; nobody is asked for one.
  name           text not null check (name = ''),
  -- Normalised by engine/contract/api/addresses.ts, so one address is one account.
  email          text not null unique check (email = lower(email) and char_length(email) <= 254),
  email_verified boolean not null,
  image          text check (image is null),
  -- Of e-mails.
  locale         text not null check (locale in ('en', 'ko')),
  created_at     timestamptz(3) not null,
  updated_at     timestamptz(3) not null,
  -- Another one after a reset of the password, a change of address and a logout everywhere: what was granted before is bound to it, and
  -- ends so (sessions, browsers that count for themselves, links for a new address). Random: it is no other account's either.
  credential_version uuid not null default gen_random_uuid()
);
-- Accounts whose address was never verified are deleted by age.
create index fans_unverified on fans (created_at) where not email_verified;

create table fan_sessions (
  id         text primary key,
  fan_id     text not null references fans (id) on delete cascade,
  -- 32 random characters. A cookie also has its HMAC under ACCOUNTS_SECRET, so nobody can act with a copy of this table alone.
  token      text not null unique,
  expires_at timestamptz(3) not null,
  -- The /24 of an IPv4 address or /64 of an IPv6 address, '' if unknown.
  ip_address text not null check (char_length(ip_address) <= 45),
  user_agent text not null check (char_length(user_agent) <= 256),
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  -- That of the fan before the password was looked at. A session is valid while both are equal; null while a login is under way.
  credential_version uuid
);
create index fan_sessions_fan on fan_sessions (fan_id, created_at);
create index fan_sessions_expiry on fan_sessions (expires_at);
create index fan_sessions_pending on fan_sessions (created_at) where credential_version is null;

-- How a fan logs in: by a password (provider_id 'credential', password an argon2id hash; null once somebody else has signed up with
-- the same address before it was verified, until a link sets one).
create table fan_credentials (
  id                       text primary key,
  fan_id                   text not null references fans (id) on delete cascade,
  account_id               text not null,
  provider_id              text not null,
  access_token             text,
  refresh_token            text,
  id_token                 text,
  access_token_expires_at  timestamptz(3),
  refresh_token_expires_at timestamptz(3),
  scope                    text,
  password                 text check (password like '$argon2id$%'),
  created_at               timestamptz(3) not null,
  updated_at               timestamptz(3) not null,
  constraint fan_credentials_account unique (provider_id, account_id)
);
create index fan_credentials_fan on fan_credentials (fan_id);

-- The process of accounts faces strangers. Where the role fairline_accounts exists (docker-compose.yml and `npm start` make it,
-- OPERATING.md says how to), it may do here what that process does, and nothing with any other table.
do $$ begin
  if exists (select from pg_roles where rolname = 'fairline_accounts') then
    grant select, insert, update, delete on fans, fan_sessions, fan_credentials to fairline_accounts;
    grant select on schema_migrations to fairline_accounts;
  end if;
end $$;

-- Down Migration

do $$ begin
  if exists (select from pg_roles where rolname = 'fairline_accounts') then
    revoke select on schema_migrations from fairline_accounts;
  end if;
end $$;
drop table fan_credentials;
drop table fan_sessions;
drop table fans;
