DROP TRIGGER write_search_text ON clients;
DROP FUNCTION write_search_text();
-- A column is generated from its beginning or never.
DROP INDEX clients_search_idx;
DROP INDEX clients_folded_name_idx;
ALTER TABLE clients DROP COLUMN search_text;
ALTER TABLE clients ADD COLUMN search_text text NOT NULL COLLATE "C"
    GENERATED ALWAYS AS (client_search_text(name, email, phone, phone_e164)) STORED;
COMMENT ON COLUMN clients.search_text IS 'What a search looks in, folded.';
CREATE INDEX clients_folded_name_idx
    ON clients (organization_id, left(split_part(search_text, E'\n', 1), 255), id)
    WHERE deleted_at IS NULL;
COMMENT ON INDEX clients_folded_name_idx IS 'Suggestions: names by their beginning, in their order.';
CREATE INDEX clients_search_idx ON clients
    USING gin (mark_trigrams(organization_id, show_trgm(search_text)))
    WITH (gin_pending_list_limit = 2048);
ALTER INDEX clients_search_idx ALTER COLUMN 1 SET STATISTICS 0;
COMMENT ON INDEX clients_search_idx IS
    'Trigrams (pg_trgm) of what a search looks in, marked by their tenant: a search reads the lists of its own. To be rebuilt, as all that pg_trgm makes, where the locale changes.';
