-- Up Migration

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

-- Down Migration

drop trigger coupons_restrict on coupons;
drop function coupons_restrict();
alter table coupons drop disabled, drop ends_at, drop cap_total, drop cap_per_user, drop restrict_reason;
