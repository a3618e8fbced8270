REVOKE SELECT ON events FROM nvito_clients_group;
DROP POLICY grouped ON events;
