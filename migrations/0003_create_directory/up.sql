CREATE TABLE organizations (
    id uuid PRIMARY KEY,
    name varchar(255) NOT NULL COLLATE spanish
        CONSTRAINT organizations_name_not_blank CHECK (btrim(name) <> '')
);
COMMENT ON TABLE organizations IS 'The tenants; owned by another service, which keeps this copy in step.';
COMMENT ON COLUMN organizations.id IS 'Given by the owning service.';
COMMENT ON COLUMN organizations.name IS 'What it is called.';

CREATE TABLE users (
    id uuid PRIMARY KEY,
    first_name varchar(255) NOT NULL COLLATE spanish
        CONSTRAINT users_first_name_not_blank CHECK (btrim(first_name) <> ''),
    last_name varchar(255) NOT NULL COLLATE spanish,
    email varchar(255)
);
COMMENT ON TABLE users IS 'The people of all teams; owned by another service. One user may work for several organizations.';
COMMENT ON COLUMN users.id IS 'Given by the owning service.';
COMMENT ON COLUMN users.first_name IS 'Given name.';
COMMENT ON COLUMN users.last_name IS 'Family name, may be empty.';
COMMENT ON COLUMN users.email IS 'Contact address.';

CREATE TABLE organization_members (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    user_id uuid NOT NULL REFERENCES users (id),
    active boolean NOT NULL DEFAULT true,
    PRIMARY KEY (organization_id, user_id)
);
CREATE INDEX organization_members_user_id_idx ON organization_members (user_id);
COMMENT ON TABLE organization_members IS 'Who works for which organization.';
COMMENT ON COLUMN organization_members.organization_id IS 'The tenant.';
COMMENT ON COLUMN organization_members.user_id IS 'The user.';
COMMENT ON COLUMN organization_members.active IS 'Whether clients may be assigned to them (spec section 6).';

ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON organizations TO nvito_clients_tenant
    USING (id = nullif(current_setting('app.organization_id', true), '')::uuid);
CREATE POLICY platform ON organizations TO nvito_clients_platform USING (true);

ALTER TABLE organization_members ENABLE ROW LEVEL SECURITY;
ALTER TABLE organization_members FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON organization_members TO nvito_clients_tenant
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
CREATE POLICY platform ON organization_members TO nvito_clients_platform USING (true);

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON users TO nvito_clients_tenant
    USING (EXISTS (
        SELECT FROM organization_members AS member
        WHERE member.user_id = users.id
          AND member.organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)
        -- The actor is known to themselves: a Super Admin is nobody's member.
        OR id = nullif(current_setting('app.actor_id', true), '')::uuid);
CREATE POLICY platform ON users TO nvito_clients_platform USING (true);

GRANT SELECT ON organizations, users, organization_members TO nvito_clients_tenant;
-- A row can only be locked FOR SHARE by who may update a column of it: an
-- assignment holds its member so that nobody deactivates them meanwhile.
GRANT UPDATE (active) ON organization_members TO nvito_clients_tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON organizations, users, organization_members TO nvito_clients_platform;
