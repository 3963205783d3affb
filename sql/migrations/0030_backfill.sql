-- Up Migration

-- The field's word for ranking later what a gateway had logged and not ranked.
alter table gateways rename column repaired to backfilled;
alter index gateways_unrepaired rename to gateways_to_backfill;

-- Down Migration

alter index gateways_to_backfill rename to gateways_unrepaired;
alter table gateways rename column backfilled to repaired;
