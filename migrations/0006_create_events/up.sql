CREATE TABLE events (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    name varchar(255) NOT NULL
        CONSTRAINT events_name_not_blank CHECK (btrim(name) <> ''),
    starts_at timestamptz,
    CONSTRAINT events_organization_id_id_key UNIQUE (organization_id, id)
);
COMMENT ON TABLE events IS 'The events of all tenants; owned by another service, which keeps this copy in step.';
COMMENT ON COLUMN events.id IS 'Given by the owning service.';
COMMENT ON COLUMN events.organization_id IS 'The tenant; never changes.';
COMMENT ON COLUMN events.name IS 'What the event is called.';
COMMENT ON COLUMN events.starts_at IS 'When it starts, once there is a date.';

ALTER TABLE events ENABLE ROW LEVEL SECURITY;
ALTER TABLE events FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON events TO nvito_clients_tenant
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
CREATE POLICY platform ON events TO nvito_clients_platform USING (true);

GRANT SELECT ON events TO nvito_clients_tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON events TO nvito_clients_platform;
