REVOKE SELECT, INSERT, UPDATE ON clients FROM nvito_clients_group;
DROP POLICY grouped ON clients;
