-- The role stays: it belongs to the cluster, and another database may use it.
REVOKE ALL ON organizations, users, organization_members, clients, events, client_history, idempotent_requests
    FROM nvito_clients_group;
REVOKE UPDATE (active) ON organization_members FROM nvito_clients_group;
DROP POLICY grouped ON organizations;
DROP POLICY grouped ON organization_members;
DROP POLICY grouped ON users;
DROP POLICY grouped ON clients;
DROP POLICY grouped ON events;
DROP POLICY grouped ON client_history;
DROP POLICY grouped ON idempotent_requests;
DROP FUNCTION grouped_ids(text);
REVOKE USAGE ON SCHEMA public FROM nvito_clients_group;
