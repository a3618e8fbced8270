ALTER TABLE clients ADD COLUMN first_active_at timestamptz;
COMMENT ON COLUMN clients.first_active_at IS
    'When the client first stood at ACTIVE (spec section 8); kept by a trigger, and kept for ever. Of clients older than this column: the first write at ACTIVE that is known.';

CREATE FUNCTION activate_client() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.first_active_at := NEW.updated_at;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION activate_client() IS 'Notes the first time at ACTIVE, whoever writes.';
-- Triggers run by name: after touch, which sets updated_at.
CREATE TRIGGER touch_first_active BEFORE INSERT OR UPDATE ON clients FOR EACH ROW
    WHEN (NEW.status = 'ACTIVE' AND NEW.first_active_at IS NULL)
    EXECUTE FUNCTION activate_client();

-- Of the clients there are, only the last write is known. Whoever stands at
-- COMPLETED may have come through ACTIVE or have begun there: not guessed.
ALTER TABLE clients NO FORCE ROW LEVEL SECURITY;
ALTER TABLE clients DISABLE TRIGGER touch;
UPDATE clients SET first_active_at = updated_at WHERE status = 'ACTIVE';
ALTER TABLE clients ENABLE TRIGGER touch;
ALTER TABLE clients FORCE ROW LEVEL SECURITY;

-- A summary reads these columns and no other: from the index of the list.
DROP INDEX clients_page_idx;
CREATE INDEX clients_page_idx ON clients (organization_id, created_at, id)
    INCLUDE (type, status, acquisition_source, assigned_to_id, first_active_at)
    WHERE deleted_at IS NULL;
COMMENT ON INDEX clients_page_idx IS
    'Lists of a tenant, newest first; totals by type (spec: organization_id, type); summaries.';
DROP INDEX clients_platform_page_idx;
CREATE INDEX clients_platform_page_idx ON clients (created_at, id)
    INCLUDE (type, status, acquisition_source, assigned_to_id, first_active_at)
    WHERE deleted_at IS NULL;
COMMENT ON INDEX clients_platform_page_idx IS 'Lists and summaries of a Super Admin over all tenants.';
