-- Writes of several callers in one transaction. It cannot take the role of a
-- tenant, as they are of several; so it takes a role of its own, which sees what
-- is of the organizations it has named, and may do no more with it than these
-- writes need. Which row is whose among them, each statement asks for by
-- organization and id.
--
-- The role belongs to the whole cluster: migration 0001 says what that means.
DO $$
DECLARE
    wanted CONSTANT text := 'nvito_clients_group';
    since_16 boolean := current_setting('server_version_num')::int >= 160000;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', wanted);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END IF;
    IF NOT pg_has_role(current_user, wanted, CASE WHEN since_16 THEN 'SET' ELSE 'MEMBER' END) THEN
        EXECUTE format('GRANT %I TO CURRENT_USER %s', wanted,
            CASE WHEN since_16 THEN 'WITH INHERIT FALSE, SET TRUE' ELSE '' END);
    END IF;
END
$$;

GRANT USAGE ON SCHEMA public TO nvito_clients_group;

-- What it may do with a table is a migration for each (0020 to 0026): a policy keeps
-- everybody from its table until it is there, and who held one and waited for the
-- next would wait for writers that hold them in another order.
--
-- The ids of a policy stand in a setting one after the other, parted by commas. They
-- are looked for as text: a list of uuids would be made again for each policy of a
-- statement, and an index could be taken to look for it instead of for the keys.
