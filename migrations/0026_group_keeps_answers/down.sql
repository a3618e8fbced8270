REVOKE SELECT, INSERT ON idempotent_requests FROM nvito_clients_group;
DROP POLICY grouped ON idempotent_requests;
