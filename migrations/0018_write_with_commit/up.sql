-- A writer that has asked for the time once it held the row may say it with what it
-- writes: then it knows what the row becomes, and sends the write together with
-- COMMIT instead of waiting for it. Never an earlier time than the last.
CREATE OR REPLACE FUNCTION touch_client() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.version := OLD.version + 1;
    IF NEW.updated_at <= OLD.updated_at THEN
        -- Not now(), the start of the transaction: a writer that waited for the row
        -- would set the clock back.
        NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at);
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION touch_client() IS
    'Whoever writes, a foreign key''s ON DELETE included, the version moves on, and so does updated_at: to a later time that the writer says, or to the clock''s.';
COMMENT ON COLUMN clients.updated_at IS
    'When the record was last written: as its writer says who held it then, or by the clock; a trigger keeps it from going back.';
