-- Up Migration

-- Fans whose account the shop keeps, beside those whose account is here. Such a fan's id is the name of the shop's identity provider, a colon,
-- and the provider's own id (the claim sub): no id of an account that is kept here has a colon, so no two sources name the same user,
-- and the shop knows its fans by their ids. Nothing else of them is kept, and that only while they have a session.
alter table fans
  drop constraint fans_id_check,
  add constraint fans_id_check check (id ~ '^[A-Za-z0-9]{32}$' or (id ~ '^[a-z][a-z0-9-]{0,19}:.' and octet_length(id) <= 128)),
  alter column email drop not null,
  add constraint fans_email_kept check ((email is null) = (id like '%:%')),
  add constraint fans_email_verified check (email is not null or not email_verified);
-- Those without an address are deleted when they have no session.
drop index fans_unverified;
create index fans_unverified on fans (created_at) where not email_verified and email is not null;
create index fans_of_shop on fans (updated_at) where email is null;
-- Whose people the ids of a name are: another provider's would be taken for the same.
create table fan_providers (
  name text primary key check (name ~ '^[a-z][a-z0-9-]{0,19}$'),
  issuer text not null check (octet_length(issuer) between 1 and 255)
);
do $$ begin
  if exists (select from pg_roles where rolname = 'fairline_accounts') then
    grant select, insert, update, delete on fan_providers to fairline_accounts;
  end if;
end $$;

-- Down Migration

drop table fan_providers;
drop index fans_of_shop;
drop index fans_unverified;
delete from fans where email is null;
create index fans_unverified on fans (created_at) where not email_verified;
alter table fans
  drop constraint fans_email_verified,
  drop constraint fans_email_kept,
  alter column email set not null,
  drop constraint fans_id_check,
  add constraint fans_id_check check (id ~ '^[A-Za-z0-9]{32}$');
