-- The events of a client in the order in which a read by key answers them, so nothing
-- is sorted. The former index goes in a transaction of its own (0033): this one lets
-- nobody write to events, and whoever waited for that would be in the way of a DROP.
CREATE INDEX events_client_page_idx ON events (organization_id, client_id, starts_at DESC NULLS LAST, id);
COMMENT ON INDEX events_client_page_idx IS 'The events of a client, the latest first.';
