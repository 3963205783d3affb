-- Up Migration

-- The order in which heads are shown (GET /v1/heads): each has a place of its own, so a page never ends between two of the
-- same place, and whoever goes on behind the last one of it has missed none. By the first instant, as every slice that has
-- an item up to the watermark is there by then. slices_in_order stays, for the books.
create index slices_as_shown on slices (first_us, gateway, incarnation, slice_number);

-- Down Migration

drop index slices_as_shown;
