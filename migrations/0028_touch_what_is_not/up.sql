-- Most writes say themselves what the trigger would: the next version, and a later
-- time. They are spared the call of a function in PL/pgSQL; whoever says anything else
-- is not.
DROP TRIGGER touch ON clients;
CREATE TRIGGER touch BEFORE UPDATE ON clients FOR EACH ROW
    WHEN (NEW.version IS DISTINCT FROM OLD.version + 1 OR NEW.updated_at <= OLD.updated_at)
    EXECUTE FUNCTION touch_client();
COMMENT ON TRIGGER touch ON clients IS
    'Each write makes the next version at a later time, whether or not its writer says so.';
