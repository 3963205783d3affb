-- Up Migration

-- Identities at the log that the keeper has prepared for gateway numbers, where a log knows its writers by such (Kafka's
-- producer ids). Each stands here before any gateway can have it, so the keeper can have the log refuse all of them.
create table log_writers (
  log_name    text not null,
  token       text not null,
  gateway     integer not null check (gateway between 0 and 1023),
  prepared_at timestamptz(3) not null default now(),
  -- Since when the log refuses it.
  retired_at  timestamptz(3),
  primary key (log_name, token)
);
create index log_writers_open on log_writers (log_name, gateway) where retired_at is null;

-- The latest epoch that a keeper has begun. A registry of leases that was opened under an older one (at another Redis) is
-- not that of the service any more: nothing is prepared for it, and no watermark is raised by it.
alter table watermarks add column epoch bigint not null default 0 check (epoch >= 0);

-- Down Migration

alter table watermarks drop column epoch;
drop table log_writers;
