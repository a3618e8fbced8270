CREATE POLICY grouped ON organizations TO nvito_clients_group
    USING (strpos(current_setting('app.organization_ids', true), id::text) > 0);
GRANT SELECT ON organizations TO nvito_clients_group;
