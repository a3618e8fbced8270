REVOKE INSERT ON client_history FROM nvito_clients_group;
DROP POLICY grouped ON client_history;
