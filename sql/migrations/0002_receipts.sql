-- Up Migration

-- The signed slices of gateways, as the log brought them: what receipts and books are made from, for good.
create table slices (
  gateway       integer not null check (gateway between 0 and 1023),
  incarnation   bigint not null,
  slice_number  bigint not null,
  -- The least and the greatest instant of the items, microseconds since the epoch.
  first_us      bigint not null,
  last_us       bigint not null,
  signed_head   bytea not null check (octet_length(signed_head) = 192),
  -- The record's items as they stand in it.
  items         bytea not null,
  primary key (gateway, incarnation, slice_number),
  constraint slices_instants check (first_us <= last_us)
);
-- User ids, stamps and little else: compressing them would cost more than the room they take.
alter table slices alter items set storage external;
-- The slice in which a gateway's instant is.
create index slices_of_instant on slices (gateway, last_us);
-- All heads in the order in which they are shown.
create index slices_in_order on slices (last_us, gateway);

-- Down Migration

drop table slices;
