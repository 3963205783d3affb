-- Up Migration

-- What operators have said of clocks that contradict each other: that Redis is right. The latest one counts, until it has
-- ended; every engine reads it with PostgreSQL's clock.
create table clock_trusts (
  trust_id    bigint generated always as identity primary key,
  -- By PostgreSQL's own clock, which may be the wrong one.
  said_at     timestamptz(3) not null default now(),
  said_by     text not null,
  reason      text,
  -- Of which clock Redis was ahead, and by how much as the operator put it.
  ahead_of    text not null check (ahead_of in ('postgres', 'engine')),
  ahead_ms    bigint not null,
  -- By how much Redis was ahead of each, as the engine that was asked measured it.
  postgres_ms bigint not null,
  engine_ms   bigint not null,
  -- By how much Redis may be ahead of PostgreSQL from then on, until it has ended.
  accepted_ms bigint not null,
  ended_at    timestamptz(3),
  ended       text check (ended in ('agreed', 'moved', 'replaced')),
  constraint clock_trusts_end check ((ended_at is null) = (ended is null))
);
create unique index clock_trusts_open on clock_trusts ((ended_at is null)) where ended_at is null;

-- Down Migration

drop table clock_trusts;
