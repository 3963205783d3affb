-- Up Migration

-- Accounts whose password, second factor and role an identity provider keeps. An account is its issuer and subject (OpenID Connect Core 1.0,
-- section 2); the name is what the provider called the person at the first login, and stays, as all names of operators do.
alter table operators
  add issuer  text check (char_length(issuer) between 1 and 255),
  add subject text check (char_length(subject) between 1 and 255),
  add constraint operators_provider check ((issuer is null) = (subject is null)),
  drop constraint operators_enrolled,
  add constraint operators_enrolled check (
    case when issuer is null then num_nonnulls(enrolled_at, password_hash, totp_sealed, totp_step) in (0, 4)
         else enrolled_at is not null and num_nonnulls(password_hash, totp_sealed, totp_step) = 0 end);
create unique index operators_subject on operators (issuer, subject);
create trigger operators_subject_stays before update of issuer, subject on operators for each row
  when ((old.issuer, old.subject) is distinct from (new.issuer, new.subject)) execute function operators_stay();

-- The last owner is one with a password: who is an owner by a group is so only as long as the provider says it, and while it answers.
create or replace function operators_keep_owner() returns trigger language plpgsql as $$
begin
  if old.role <> 'owner' or old.enrolled_at is null or old.disabled_at is not null or old.issuer is not null then
    return new;
  end if;
  if new.role = 'owner' and new.enrolled_at is not null and new.disabled_at is null then
    return new;
  end if;
  perform pg_advisory_xact_lock(hashtext('fairline owners'));
  if not exists (select from operators
                  where role = 'owner' and enrolled_at is not null and disabled_at is null and issuer is null
                    and operator_id <> old.operator_id) then
    raise exception 'operator % is the last owner', old.operator_id
      using errcode = 'check_violation', constraint = 'operators_keep_owner';
  end if;
  return new;
end $$;

-- Down Migration

-- Such accounts become invitations: they stay, under their names, and nobody is logged in to them.
delete from operator_sessions where operator_id in (select operator_id from operators where issuer is not null);
alter table operators drop constraint operators_enrolled;
update operators set enrolled_at = null where issuer is not null;
create or replace function operators_keep_owner() returns trigger language plpgsql as $$
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
drop trigger operators_subject_stays on operators;
drop index operators_subject;
alter table operators drop constraint operators_provider, drop issuer, drop subject,
  add constraint operators_enrolled check (num_nonnulls(enrolled_at, password_hash, totp_sealed, totp_step) in (0, 4));
