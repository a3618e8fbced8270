CREATE POLICY grouped ON events TO nvito_clients_group
    USING (strpos(current_setting('app.organization_ids', true), organization_id::text) > 0);
GRANT SELECT ON events TO nvito_clients_group;
