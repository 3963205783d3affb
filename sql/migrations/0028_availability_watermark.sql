-- Up Migration

-- The watermark by which the row was moved. A jump moves it up to the check that found it, and that may be made during an
-- outage: only the watermark tells then, at its end, that nothing went on meanwhile.
alter table availability add column watermark_ms bigint not null default 0;
update availability set watermark_ms = through_ms;
alter table availability add constraint availability_watermark_ms_check check (watermark_ms between 0 and through_ms);

-- Down Migration

alter table availability drop column watermark_ms;
