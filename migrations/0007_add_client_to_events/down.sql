ALTER TABLE events DROP COLUMN client_id;
