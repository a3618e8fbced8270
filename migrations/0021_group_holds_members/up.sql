-- A row can only be locked FOR SHARE by who may update a column of it (migration 0003).
CREATE POLICY grouped ON organization_members TO nvito_clients_group
    USING (strpos(current_setting('app.organization_ids', true), organization_id::text) > 0);
GRANT SELECT ON organization_members TO nvito_clients_group;
GRANT UPDATE (active) ON organization_members TO nvito_clients_group;
