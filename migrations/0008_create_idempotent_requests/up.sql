CREATE TABLE idempotent_requests (
    actor_id uuid NOT NULL,
    request_id uuid NOT NULL,
    fingerprint bytea NOT NULL
        CONSTRAINT idempotent_requests_fingerprint_length CHECK (octet_length(fingerprint) = 32),
    answer bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (actor_id, request_id)
);
CREATE INDEX idempotent_requests_created_at_idx ON idempotent_requests (created_at);
COMMENT ON TABLE idempotent_requests IS
    'Answers to calls that named a request id (AIP-155), written in the transaction of the call itself and kept for a day at least.';
COMMENT ON COLUMN idempotent_requests.actor_id IS 'Who called.';
COMMENT ON COLUMN idempotent_requests.request_id IS 'The id the caller gave.';
COMMENT ON COLUMN idempotent_requests.fingerprint IS 'SHA-256 of method, tenant and body: the same id with another body is refused.';
COMMENT ON COLUMN idempotent_requests.answer IS 'The answer, encoded; NULL only within the transaction that makes it.';
COMMENT ON COLUMN idempotent_requests.created_at IS 'When the call was first made.';

ALTER TABLE idempotent_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotent_requests FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON idempotent_requests TO nvito_clients_tenant
    USING (actor_id = nullif(current_setting('app.actor_id', true), '')::uuid);
CREATE POLICY platform ON idempotent_requests TO nvito_clients_platform USING (true);

GRANT SELECT, INSERT, UPDATE ON idempotent_requests TO nvito_clients_tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotent_requests TO nvito_clients_platform;
