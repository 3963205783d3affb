-- Up Migration

-- Heard time: how long, in all, the service could hear the people who wait. Deadlines and grace times are measured in it.
create table hearing (
  one_row     boolean primary key default true check (one_row),
  -- Milliseconds; only ever grows, and not in an outage.
  heard_ms    bigint not null default 0 check (heard_ms >= 0),
  -- Up to which instant that counts, milliseconds since the epoch on the clock that gateways share.
  through_ms  bigint not null default 0
);
insert into hearing default values;

-- Down Migration

drop table hearing;
