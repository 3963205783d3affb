-- Up Migration

-- The books of campaigns that have come to their end: gzip, in parts that are put together in this order. A campaign of
-- which no book can be made has a row that says why.
create table books (
  campaign_id  integer primary key references campaigns,
  refused      text,
  -- Of the whole file.
  bytes        bigint,
  made_at      timestamptz(3) not null default now(),
  constraint books_made check ((refused is null) = (bytes is not null))
);

create table book_parts (
  campaign_id  integer not null references campaigns,
  part         integer not null check (part >= 0),
  bytes        bytea not null,
  primary key (campaign_id, part)
);
-- They are compressed already.
alter table book_parts alter bytes set storage external;

create function books_keep() returns trigger language plpgsql as $$
begin
  raise exception '%: a book that was made is never changed', tg_table_name
    using errcode = 'check_violation', constraint = 'books_keep';
end $$;
create trigger books_keep before update or delete on books for each row execute function books_keep();
create trigger book_parts_keep before update or delete on book_parts for each row execute function books_keep();

-- Down Migration

drop table book_parts, books;
drop function books_keep();
