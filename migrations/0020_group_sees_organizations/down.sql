REVOKE SELECT ON organizations FROM nvito_clients_group;
DROP POLICY grouped ON organizations;
