-- Up Migration

-- Under which epoch an identity was prepared: an attempt at opening the registry retires those of older ones, and none that
-- a later attempt has prepared, however late it comes to it.
alter table log_writers add column epoch bigint not null default 0 check (epoch >= 0);

-- Down Migration

alter table log_writers drop column epoch;
