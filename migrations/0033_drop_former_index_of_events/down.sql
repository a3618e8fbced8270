CREATE INDEX events_client_idx ON events (organization_id, client_id, starts_at);
COMMENT ON INDEX events_client_idx IS 'The events of a client.';
