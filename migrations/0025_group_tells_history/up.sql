CREATE POLICY grouped ON client_history FOR INSERT TO nvito_clients_group
    WITH CHECK (strpos(current_setting('app.organization_ids', true), organization_id::text) > 0);
GRANT INSERT ON client_history TO nvito_clients_group;
