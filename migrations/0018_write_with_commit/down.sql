CREATE OR REPLACE FUNCTION touch_client() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.version := OLD.version + 1;
    -- Not now(), the start of the transaction: a writer that waited for the row
    -- would set the clock back.
    NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION touch_client() IS
    'Whoever writes, a foreign key''s ON DELETE included, the version moves on.';
COMMENT ON COLUMN clients.updated_at IS 'When the record was last written; kept by a trigger.';
