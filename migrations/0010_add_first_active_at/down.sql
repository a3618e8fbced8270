DROP INDEX clients_platform_page_idx;
CREATE INDEX clients_platform_page_idx ON clients (created_at, id) INCLUDE (status, type)
    WHERE deleted_at IS NULL;
COMMENT ON INDEX clients_platform_page_idx IS 'Lists of a Super Admin over all tenants.';
DROP INDEX clients_page_idx;
CREATE INDEX clients_page_idx ON clients (organization_id, created_at, id) INCLUDE (type)
    WHERE deleted_at IS NULL;
COMMENT ON INDEX clients_page_idx IS 'Lists of a tenant, newest first; totals by type (spec: organization_id, type).';
DROP TRIGGER touch_first_active ON clients;
DROP FUNCTION activate_client();
ALTER TABLE clients DROP COLUMN first_active_at;
