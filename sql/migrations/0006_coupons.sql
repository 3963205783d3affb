-- Up Migration

-- On what terms coupons may be used, and every use of one. Amounts are whole numbers of the currency's minor unit.

create table coupons (
  coupon_id      integer generated always as identity primary key,
  -- Either the terms of every code that a campaign grants, or those of one code that anybody may use.
  campaign_id    integer unique references campaigns,
  code           text collate "C" unique check (code ~ '^[A-Z0-9][A-Z0-9-]{2,39}$'),
  discount       text not null check (discount in ('percentage', 'fixed', 'free_shipping')),
  basis_points   integer check (basis_points between 1 and 10000),
  -- Of a fixed discount what it takes off, of a percentage the most that it takes off.
  amount         bigint check (amount between 1 and 900000000000),
  currency       text check (currency ~ '^[A-Z]{3}$'),
  valid_from     timestamptz(3),
  valid_until    timestamptz(3),
  minimum_basket bigint check (minimum_basket between 1 and 900000000000),
  products       text[] check (cardinality(products) > 0),
  categories     text[] check (cardinality(categories) > 0),
  limit_total    integer check (limit_total >= 1),
  limit_per_user integer check (limit_per_user >= 1),
  stack_class    text,
  exclusive      boolean not null default false,
  stackable_with text[] check (cardinality(stackable_with) > 0),
  stack_order    integer not null default 0,
  stack_cap      integer check (stack_cap between 1 and 10000),
  created_at     timestamptz(3) not null default now(),
  -- Grows with each change of the terms.
  revision       integer not null default 1,
  -- Redeemed or held, and not given back. A hold that has lapsed is in it until the next use looks for those.
  used_count     integer not null default 0,
  constraint coupons_one_kind check ((campaign_id is null) <> (code is null)),
  constraint coupons_discount check (case discount
    when 'percentage' then basis_points is not null
    when 'fixed' then basis_points is null and amount is not null
    else basis_points is null and amount is null end),
  constraint coupons_currency check ((amount is null and minimum_basket is null) = (currency is null)),
  constraint coupons_window check (valid_from < valid_until),
  constraint coupons_limits check (limit_per_user <= limit_total),
  constraint coupons_exclusive check (not exclusive or (stackable_with is null and stack_cap is null)),
  constraint coupons_cap check (basis_points <= stack_cap),
  -- Never more uses than the limit, whoever writes here.
  constraint coupons_used check (used_count between 0 and limit_total)
);
create index coupons_stack_class on coupons (stack_class) where stack_class is not null;

-- A basket with its coupons: held for a while, then redeemed or released; or redeemed at once. A hold whose time is over
-- has lapsed by that alone, and nothing is written for it.
create table redemptions (
  redemption_id  bigint generated always as identity primary key,
  user_id        text collate "C" not null,
  state          text not null check (state in ('held', 'redeemed', 'released')),
  -- JSON, as gateway/coupons/ writes it: what was on the basket, and what it cost with its coupons.
  basket         text not null,
  pricing        text not null,
  created_at     timestamptz(3) not null,
  -- Of a hold, and of what was held first.
  expires_at     timestamptz(3),
  redeemed_at    timestamptz(3),
  released_at    timestamptz(3),
  constraint redemptions_held check (state <> 'held' or expires_at is not null),
  constraint redemptions_redeemed check ((state = 'redeemed') = (redeemed_at is not null)),
  constraint redemptions_released check ((state = 'released') = (released_at is not null))
);

-- One use of one coupon. It counts until it is given back: by a release, by the end of a hold, or by a refund.
create table redemption_uses (
  redemption_id  bigint not null references redemptions,
  coupon_id      integer not null references coupons,
  code           text collate "C" not null,
  user_id        text collate "C" not null,
  -- Null once it is redeemed or given back.
  held_until     timestamptz(3),
  given_back_at  timestamptz(3),
  primary key (redemption_id, coupon_id),
  constraint redemption_uses_held check (held_until is null or given_back_at is null)
);
create index redemption_uses_held on redemption_uses (coupon_id, held_until) where held_until is not null;
create index redemption_uses_coupon on redemption_uses (coupon_id, user_id) where given_back_at is null;

create table refunds (
  redemption_id  bigint not null references redemptions,
  refund_number  integer not null check (refund_number >= 1),
  -- JSON, as gateway/coupons/ writes it: which lines, how many of each, and how much for them.
  refund         text not null,
  refunded_at    timestamptz(3) not null,
  primary key (redemption_id, refund_number)
);

-- What shops asked for under which key, so that asking again changes nothing.
create table shop_requests (
  idempotency_key  text collate "C" primary key check (octet_length(idempotency_key) between 1 and 255),
  request_hash     bytea not null check (octet_length(request_hash) = 32),
  redemption_id    bigint not null,
  refund_number    integer,
  asked_at         timestamptz(3) not null default now()
);

-- Terms stay as they are once somebody holds the coupon. The lock keeps grants waiting until the change is there, or the
-- change until they are.
create function coupons_guard() returns trigger language plpgsql as $$
begin
  if (new.campaign_id, new.code, new.created_at) is distinct from (old.campaign_id, old.code, old.created_at) then
    raise exception 'coupon %: what it is the terms of cannot change', old.coupon_id
      using errcode = 'check_violation', constraint = 'coupons_same';
  end if;
  perform from campaigns where campaign_id = old.campaign_id for update;
  if exists (select from campaigns where campaign_id = old.campaign_id and granted_count > 0)
     or exists (select from redemption_uses
                 where coupon_id = old.coupon_id and given_back_at is null
                   and (held_until is null or held_until > statement_timestamp())) then
    raise exception 'coupon % is held by somebody: its terms cannot change', old.coupon_id
      using errcode = 'check_violation', constraint = 'coupons_unheld';
  end if;
  new.revision := old.revision + 1;
  return new;
end $$;
create trigger coupons_guard before update of campaign_id, code, discount, basis_points, amount, currency, valid_from,
    valid_until, minimum_basket, products, categories, limit_total, limit_per_user, stack_class, exclusive,
    stackable_with, stack_order, stack_cap, created_at
  on coupons for each row execute function coupons_guard();

-- Terms of a campaign are there before the first of its codes is.
create function coupons_before_grants() returns trigger language plpgsql as $$
begin
  perform from campaigns where campaign_id = new.campaign_id for update;
  if not exists (select from campaigns
                  where campaign_id = new.campaign_id and kind = 'coupon' and granted_count = 0) then
    raise exception 'campaign % is no coupon, or has granted some: terms come before that', new.campaign_id
      using errcode = 'check_violation', constraint = 'coupons_before_grants';
  end if;
  return new;
end $$;
create trigger coupons_before_grants before insert on coupons for each row
  when (new.campaign_id is not null) execute function coupons_before_grants();

-- Every code that there is, with its terms; whose it is where it is somebody's.
create view coupon_codes as
select code, coupon_id, null::text collate "C" as holder from coupons where code is not null
union all
select g.code, c.coupon_id, g.user_id from grants g join coupons c using (campaign_id);

-- Down Migration

drop view coupon_codes;
drop table shop_requests, refunds, redemption_uses, redemptions, coupons;
drop function coupons_guard();
drop function coupons_before_grants();
