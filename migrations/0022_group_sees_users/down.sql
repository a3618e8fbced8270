REVOKE SELECT ON users FROM nvito_clients_group;
DROP POLICY grouped ON users;
