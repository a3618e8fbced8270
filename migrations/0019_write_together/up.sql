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

CREATE FUNCTION grouped_ids(setting text) RETURNS uuid[]
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
SELECT pg_catalog.string_to_array(nullif(pg_catalog.current_setting(setting, true), ''), ',')::uuid[]
$$;
COMMENT ON FUNCTION grouped_ids(text) IS
    'The ids, parted by commas, that a transaction of several callers has in a setting; null without any, so that nothing is equal to one of them.';

GRANT USAGE ON SCHEMA public TO nvito_clients_group;
REVOKE ALL ON FUNCTION grouped_ids(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION grouped_ids(text) TO nvito_clients_group;

-- In a subquery, a setting is read once a statement and not for each row. IS TRUE
-- keeps it from being looked for in an index, where it would stand in the way of
-- the keys: an answer to one request was looked for among all of its actor's.
CREATE POLICY grouped ON organizations TO nvito_clients_group
    USING ((id = ANY ((SELECT grouped_ids('app.organization_ids'))::uuid[])) IS TRUE);
CREATE POLICY grouped ON organization_members TO nvito_clients_group
    USING ((organization_id = ANY ((SELECT grouped_ids('app.organization_ids'))::uuid[])) IS TRUE);
CREATE POLICY grouped ON users TO nvito_clients_group
    USING (EXISTS (
        SELECT FROM organization_members AS member
        WHERE member.user_id = users.id
          AND (member.organization_id = ANY ((SELECT grouped_ids('app.organization_ids'))::uuid[])) IS TRUE)
        OR (id = ANY ((SELECT grouped_ids('app.actor_ids'))::uuid[])) IS TRUE);
CREATE POLICY grouped ON clients TO nvito_clients_group
    USING ((organization_id = ANY ((SELECT grouped_ids('app.organization_ids'))::uuid[])) IS TRUE);
CREATE POLICY grouped ON events TO nvito_clients_group
    USING ((organization_id = ANY ((SELECT grouped_ids('app.organization_ids'))::uuid[])) IS TRUE);
CREATE POLICY grouped ON client_history FOR INSERT TO nvito_clients_group
    WITH CHECK ((organization_id = ANY ((SELECT grouped_ids('app.organization_ids'))::uuid[])) IS TRUE);
CREATE POLICY grouped ON idempotent_requests TO nvito_clients_group
    USING ((actor_id = ANY ((SELECT grouped_ids('app.actor_ids'))::uuid[])) IS TRUE);

GRANT SELECT ON organizations, users, organization_members, events TO nvito_clients_group;
-- A row can only be locked FOR SHARE by who may update a column of it (migration 0003).
GRANT UPDATE (active) ON organization_members TO nvito_clients_group;
GRANT SELECT, INSERT, UPDATE ON clients TO nvito_clients_group;
GRANT INSERT ON client_history TO nvito_clients_group;
GRANT SELECT, INSERT ON idempotent_requests TO nvito_clients_group;
