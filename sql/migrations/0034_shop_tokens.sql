-- Up Migration

-- Several shops on one service: a campaign and a coupon may be one shop's, and a shop's token acts on those alone. What has no
-- shop is for tokens without one. A shop is its name; it never changes, so a look-up of it never goes stale.
alter table campaigns add column shop text collate "C" check (shop ~ '^[a-z0-9][a-z0-9-]{0,39}$');
alter table coupons add column shop text collate "C" check (shop ~ '^[a-z0-9][a-z0-9-]{0,39}$');

create table shop_tokens (
  token_id     integer generated always as identity primary key,
  name         text not null check (char_length(name) between 1 and 100),
  -- Null: every campaign and coupon, as with SHOP_TOKEN.
  shop         text collate "C" check (shop ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
  -- SHA-256. The token is 256 random bits: a slow hash would protect nothing more.
  secret_hash  bytea not null unique check (octet_length(secret_hash) = 32),
  made_by      text not null,
  made_at      timestamptz(3) not null,
  expires_at   timestamptz(3) not null,
  -- Up to a minute old.
  last_used_at timestamptz(3),
  revoked_at   timestamptz(3),
  revoked_by   text,
  constraint shop_tokens_expiry check (expires_at > made_at),
  constraint shop_tokens_revoked check ((revoked_at is null) = (revoked_by is null))
);
create unique index shop_tokens_name on shop_tokens (lower(name)) where revoked_at is null;

create function campaigns_shop_kept() returns trigger language plpgsql as $$
begin
  raise exception 'campaign %: its shop cannot change', old.campaign_id
    using errcode = 'check_violation', constraint = 'campaigns_shop_kept';
end $$;
create trigger campaigns_shop_kept before update of shop on campaigns for each row
  when (new.shop is distinct from old.shop) execute function campaigns_shop_kept();

-- The codes that a campaign grants are those of its shop.
create function coupons_of_shop() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and new.shop is distinct from old.shop
     or new.campaign_id is not null
        and new.shop is distinct from (select shop from campaigns where campaign_id = new.campaign_id) then
    raise exception 'coupon %: its shop is that of its campaign, and cannot change', new.coupon_id
      using errcode = 'check_violation', constraint = 'coupons_of_shop';
  end if;
  return new;
end $$;
create trigger coupons_of_shop before insert or update of shop on coupons for each row execute function coupons_of_shop();

-- A shop's keys are its own: they begin with its name and a space, which no key has.
alter table shop_requests drop constraint shop_requests_idempotency_key_check;
alter table shop_requests add constraint shop_requests_idempotency_key_check
  check (octet_length(idempotency_key) between 1 and 296);

-- Down Migration

delete from shop_requests where idempotency_key like '% %';
alter table shop_requests drop constraint shop_requests_idempotency_key_check;
alter table shop_requests add constraint shop_requests_idempotency_key_check
  check (octet_length(idempotency_key) between 1 and 255);
drop trigger coupons_of_shop on coupons;
drop function coupons_of_shop();
drop trigger campaigns_shop_kept on campaigns;
drop function campaigns_shop_kept();
drop table shop_tokens;
alter table coupons drop column shop;
alter table campaigns drop column shop;
