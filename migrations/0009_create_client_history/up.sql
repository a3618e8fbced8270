CREATE TABLE client_history (
    organization_id uuid NOT NULL,
    client_id uuid NOT NULL,
    version bigint NOT NULL,
    at timestamptz NOT NULL,
    actor_id uuid NOT NULL,
    kind text NOT NULL
        CONSTRAINT client_history_kind_known CHECK (kind IN ('CREATED', 'UPDATED', 'TRANSITIONED', 'DELETED',
            'UNDELETED', 'PURGED', 'REASSIGNED', 'ASSIGNEE_LEFT', 'EVENT_LINKED', 'EVENT_UNLINKED')),
    reason varchar(500),
    request_id varchar(128) NOT NULL,
    changes jsonb NOT NULL
        CONSTRAINT client_history_changes_listed CHECK (jsonb_typeof(changes) = 'array'),
    PRIMARY KEY (organization_id, client_id, version)
);
COMMENT ON TABLE client_history IS
    'What happened to clients, one row a write, written in its transaction and never changed: no role of the service may. Outlives the client, so it refers to none.';
COMMENT ON COLUMN client_history.organization_id IS 'The tenant.';
COMMENT ON COLUMN client_history.client_id IS 'The client, purged perhaps.';
COMMENT ON COLUMN client_history.version IS 'The version of the client that the write made; clients of before this table begin later than 1.';
COMMENT ON COLUMN client_history.at IS 'When: updated_at of that version.';
COMMENT ON COLUMN client_history.actor_id IS 'Who, known to the directory or not.';
COMMENT ON COLUMN client_history.kind IS 'What the write did.';
COMMENT ON COLUMN client_history.reason IS 'Why, where the caller said so.';
COMMENT ON COLUMN client_history.request_id IS 'The call: its request_id, else its x-request-id.';
COMMENT ON COLUMN client_history.changes IS
    'Fields before and after: [{"field": "status", "before": "PROSPECT", "after": "ACTIVE"}], null where there is no value.';

CREATE INDEX client_history_purged_idx ON client_history (client_id) WHERE kind = 'PURGED';
COMMENT ON INDEX client_history_purged_idx IS 'Finds the tenant of a client that is no more.';

ALTER TABLE client_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE client_history FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON client_history TO nvito_clients_tenant
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
CREATE POLICY platform ON client_history TO nvito_clients_platform USING (true);

GRANT SELECT, INSERT ON client_history TO nvito_clients_tenant, nvito_clients_platform;
