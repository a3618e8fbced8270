-- The two roles a transaction takes with SET LOCAL ROLE. They belong to the
-- whole cluster, so another database of ours may have made them already, or be
-- making them at this moment.
DO $$
DECLARE
    wanted text;
    since_16 boolean := current_setting('server_version_num')::int >= 160000;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['nvito_clients_tenant', 'nvito_clients_platform'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
        -- To be taken by SET ROLE, not to be had without: a statement that
        -- forgets it then sees no row. Before 16 the login role itself has to be
        -- NOINHERIT for that.
        IF NOT pg_has_role(current_user, wanted, CASE WHEN since_16 THEN 'SET' ELSE 'MEMBER' END) THEN
            EXECUTE format('GRANT %I TO CURRENT_USER %s', wanted,
                CASE WHEN since_16 THEN 'WITH INHERIT FALSE, SET TRUE' ELSE '' END);
        END IF;
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA public TO nvito_clients_tenant, nvito_clients_platform;
