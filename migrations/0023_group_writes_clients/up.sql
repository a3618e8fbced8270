CREATE POLICY grouped ON clients TO nvito_clients_group
    USING (strpos(current_setting('app.organization_ids', true), organization_id::text) > 0);
GRANT SELECT, INSERT, UPDATE ON clients TO nvito_clients_group;
