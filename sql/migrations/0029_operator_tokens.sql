-- Up Migration

-- Who may use the operators' API: a named token for each person, console or script. Only the hash is stored, so nobody can act
-- with what stands in the database or in a copy of it.
create table operator_tokens (
  token_id     integer generated always as identity primary key,
  name         text not null check (char_length(name) between 1 and 100),
  role         text not null check (role in ('viewer', 'editor', 'drawer', 'owner')),
  -- SHA-256. The token is 256 random bits: a slow hash would protect nothing more.
  secret_hash  bytea not null unique check (octet_length(secret_hash) = 32),
  made_by      text not null,
  made_at      timestamptz(3) not null,
  expires_at   timestamptz(3) not null,
  -- Up to a minute old.
  last_used_at timestamptz(3),
  revoked_at   timestamptz(3),
  revoked_by   text,
  constraint operator_tokens_expiry check (expires_at > made_at),
  constraint operator_tokens_revoked check ((revoked_at is null) = (revoked_by is null))
);
-- A name is one token's at a time, in any letter case: what is recorded under it can be told apart.
create unique index operator_tokens_name on operator_tokens (lower(name)) where revoked_at is null;

-- Down Migration

drop table operator_tokens;
