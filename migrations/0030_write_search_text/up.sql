-- A generated column of a table with triggers before UPDATE is made again by every
-- update, whatever that changes, as a trigger might have changed what it is made of:
-- 15 µs of an update of the notes. A trigger of its own comes only where it is to.
ALTER TABLE clients ALTER COLUMN search_text DROP EXPRESSION;

CREATE FUNCTION write_search_text() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.search_text := public.client_search_text(NEW.name, NEW.email, NEW.phone, NEW.phone_e164);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION write_search_text() IS 'Writes what a search looks in, whatever the writer says of it.';
CREATE TRIGGER write_search_text BEFORE INSERT OR UPDATE OF name, email, phone, phone_e164, search_text ON clients
    FOR EACH ROW EXECUTE FUNCTION write_search_text();
COMMENT ON TRIGGER write_search_text ON clients IS 'Keeps search_text to what name, e-mail and telephone are.';
