REVOKE SELECT ON organization_members FROM nvito_clients_group;
REVOKE UPDATE (active) ON organization_members FROM nvito_clients_group;
DROP POLICY grouped ON organization_members;
