-- Up Migration

-- What locks out readers of coupons comes first, and what locks out those of campaigns last. Building the indexes needs redemptions to wait
-- anyway; each of them reads coupons first, so it waits there and holds nothing. With the indexes first, a redemption that has changed uses would
-- wait for them and this transaction for its coupons: a deadlock. Campaigns are read all the while.

-- What an operator allows of a coupon, beside its terms: a use needs both. Terms are a promise, so they stay as they are once
-- somebody holds the coupon; a restriction can be set and lifted at any time, and takes back no use that is redeemed.
alter table coupons
  -- Nothing is used, and holds are not redeemed.
  add disabled        boolean not null default false,
  -- No new use from this instant on; holds from before it can be redeemed.
  add ends_at         timestamptz(3),
  -- As limit_total and limit_per_user, but may lie below what is used already.
  add cap_total       integer check (cap_total >= 0),
  add cap_per_user    integer check (cap_per_user >= 0),
  -- Of the operator, for operators.
  add restrict_reason text,
  add constraint coupons_restricted check (
    (restrict_reason is null) = (not disabled and ends_at is null and cap_total is null and cap_per_user is null));

-- A basket that was priced before is priced again: a use is decided by the revision under the lock on this row.
create function coupons_restrict() returns trigger language plpgsql as $$
begin
  new.revision := old.revision + 1;
  return new;
end $$;
create trigger coupons_restrict before update of disabled, ends_at, cap_total, cap_per_user, restrict_reason
  on coupons for each row execute function coupons_restrict();

-- Users and networks that may not enter, claim or redeem. A row is never deleted: a block is lifted.
create table blocks (
  block_id    integer generated always as identity primary key,
  user_id     text collate "C",
  -- IPv4 /8 to /24, IPv6 /16 to /64: a smaller network is one person's, and a larger one a continent's.
  network     cidr check (masklen(network) between case family(network) when 4 then 8 else 16 end
                                               and case family(network) when 4 then 24 else 64 end),
  -- Of the operator, for operators.
  reason      text not null,
  made_by     text not null,
  made_at     timestamptz(3) not null default now(),
  -- Of the list, when this row was made or lifted.
  revision    bigint not null,
  -- When every gateway was known to refuse by it.
  in_force_at timestamptz(3),
  lifted_at   timestamptz(3),
  lifted_by   text,
  lift_reason text,
  constraint blocks_one_kind check ((user_id is null) <> (network is null)),
  constraint blocks_lifted check (num_nulls(lifted_at, lifted_by, lift_reason) in (0, 3))
);
create unique index blocks_user on blocks (user_id) where lifted_at is null and user_id is not null;
create unique index blocks_network on blocks (network) where lifted_at is null and network is not null;

-- The revision of all blocks together, which gateways are told. Its row is the lock under which blocks change.
create table block_list (
  one_row   boolean primary key default true check (one_row),
  revision  bigint not null,
  -- What every gateway was known to act on; engines go on telling while it is less.
  in_force  bigint not null,
  constraint block_list_order check (in_force between 0 and revision)
);
insert into block_list (revision, in_force) values (0, 0);

create function blocks_revision() returns trigger language plpgsql as $$
begin
  update block_list set revision = revision + 1 returning revision into new.revision;
  -- Waits for each redemption that has looked for blocks before this one is there.
  if tg_op = 'INSERT' then
    perform pg_advisory_xact_lock(hashtext('fairline blocks'));
    new.made_at := clock_timestamp();
  end if;
  return new;
end $$;
create trigger blocks_revision before insert or update of lifted_at on blocks
  for each row execute function blocks_revision();

-- Those of these users who are blocked, and stay what they are until the transaction ends: a block that is being made waits for it, and
-- whoever asks meanwhile waits for the block. As the function is volatile, its query sees what has been committed during that wait. A
-- redemption that stands still holds both up until the server ends it, as it holds up those of its coupons.
--
-- For a batch of redemptions it takes some 20 us more than the query alone, and 0.2 us more for each user, on PostgreSQL 18; the whole
-- transaction took 13 ms either way, on two busy cores.
create function blocked_users(user_ids text[]) returns setof text language plpgsql volatile as $$
begin
  perform pg_advisory_xact_lock_shared(hashtext('fairline blocks'));
  return query select user_id from blocks where lifted_at is null and user_id = any(user_ids);
end $$;

-- Redemptions of one user, one code or one coupon, a page at a time (sql/statements/coupons/redemption-list.ts). `explain analyze` of its
-- statement on PostgreSQL 18 over 1,000,000 redemptions of 300,000 users with one use each (generate_series), pages of 101: a user 0.1 ms,
-- a code or a coupon of all but 200 of them from the middle on 1.1 ms, one of 200 of them 3.4 ms, all 0.7 ms; the slowest of 36 calls, the
-- first, took 10 ms, on two cores with a load of 15. The primary key alone would read all uses for a rare code.
create index redemptions_user on redemptions (user_id, redemption_id);
create index redemption_uses_code on redemption_uses (code, redemption_id);
create index redemption_uses_all on redemption_uses (coupon_id, redemption_id);

-- What fans are told of a pause or a cancellation, in Korean and English. An operator's own reason is in the versions, and never shown.
create function is_notice(notice jsonb) returns boolean language sql immutable return
  notice is null or (jsonb_typeof(notice) = 'object' and notice - array['ko', 'en'] = '{}'
                     and jsonb_typeof(notice -> 'ko') = 'string' and jsonb_typeof(notice -> 'en') = 'string');
alter table campaigns
  add notice jsonb constraint campaigns_notice check (is_notice(notice) and (notice is null or paused_at is not null or cancelled_stamp is not null));
alter table campaign_versions
  add notice jsonb constraint campaign_versions_notice check (is_notice(notice));

-- Down Migration

drop index redemption_uses_all, redemption_uses_code, redemptions_user;

drop function blocked_users(text[]);
drop table block_list, blocks;
drop function blocks_revision();
alter table campaign_versions drop notice;
alter table campaigns drop notice;
drop function is_notice(jsonb);
drop trigger coupons_restrict on coupons;
drop function coupons_restrict();
alter table coupons drop disabled, drop ends_at, drop cap_total, drop cap_per_user, drop restrict_reason;
