-- Up Migration

-- The board's records have `stock` for what was `places`: a new revision has engines publish them anew.
update campaigns set title = title where shelved_at is null;

-- Down Migration

update campaigns set title = title where shelved_at is null;
