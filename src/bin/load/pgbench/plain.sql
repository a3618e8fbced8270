-- The same rows without walls, history, folding and our indexes: the tables of
-- the specification with the indexes that it names (section 2), its foreign keys
-- and, for the events of a client, the index that anybody would add.
BEGIN;
CREATE SCHEMA plain;

CREATE TABLE plain.organizations AS SELECT id, name FROM organizations;
ALTER TABLE plain.organizations ADD PRIMARY KEY (id);

CREATE TABLE plain.users AS SELECT id, first_name, last_name, email FROM users;
ALTER TABLE plain.users ADD PRIMARY KEY (id);

CREATE TABLE plain.clients (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    name varchar(255) NOT NULL,
    email varchar(255),
    phone varchar(20),
    type text NOT NULL DEFAULT 'INDIVIDUAL',
    status text NOT NULL DEFAULT 'PROSPECT',
    rfc varchar(13),
    business_name varchar(255),
    billing_address varchar(500),
    acquisition_source text,
    acquisition_detail varchar(255),
    notes text,
    assigned_to_id uuid,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);
INSERT INTO plain.clients
    SELECT id, organization_id, name, email, phone, type, status, rfc, business_name, billing_address,
        acquisition_source, acquisition_detail, notes, assigned_to_id, created_by, created_at, updated_at,
        deleted_at
    FROM clients
    ORDER BY created_at;
ALTER TABLE plain.clients
    ADD PRIMARY KEY (id),
    ADD UNIQUE (email, organization_id),
    ADD FOREIGN KEY (organization_id) REFERENCES plain.organizations (id),
    ADD FOREIGN KEY (assigned_to_id) REFERENCES plain.users (id),
    ADD FOREIGN KEY (created_by) REFERENCES plain.users (id);
CREATE INDEX ON plain.clients (organization_id);
CREATE INDEX ON plain.clients (status);
CREATE INDEX ON plain.clients (type);
CREATE INDEX ON plain.clients (assigned_to_id);
CREATE INDEX ON plain.clients (organization_id, status);

CREATE TABLE plain.events AS SELECT id, organization_id, client_id, name, starts_at FROM events;
ALTER TABLE plain.events
    ADD PRIMARY KEY (id),
    ADD FOREIGN KEY (client_id) REFERENCES plain.clients (id);
CREATE INDEX ON plain.events (client_id);

GRANT USAGE ON SCHEMA plain TO nvito_clients;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA plain TO nvito_clients;
COMMIT;
