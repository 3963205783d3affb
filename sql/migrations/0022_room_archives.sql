-- Up Migration

-- The people of an archived room leave the ledger: whether a move still refers to one of them is found without reading all moves.
create index room_moves_user on room_moves (campaign_id, user_id);

-- Down Migration

drop index room_moves_user;
