-- Existing events keep living without a client (spec section 5).
ALTER TABLE events ADD COLUMN client_id uuid;
COMMENT ON COLUMN events.client_id IS
    'Who hired the event (spec section 5); NULL while nobody is linked, and again when that client is purged.';
ALTER TABLE events ADD CONSTRAINT events_client_fkey FOREIGN KEY (organization_id, client_id)
    REFERENCES clients (organization_id, id) ON DELETE SET NULL (client_id);
CREATE INDEX events_client_idx ON events (organization_id, client_id, starts_at);
COMMENT ON INDEX events_client_idx IS 'The events of a client.';

GRANT UPDATE (client_id) ON events TO nvito_clients_tenant;
