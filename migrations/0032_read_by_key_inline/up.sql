-- Reads by key that PostgreSQL plans as a part of the statement that calls for them.
-- A function with the rights of another is a statement of its own, whose rows are put
-- down, each as a whole, and taken up and apart again; that and the events in three
-- arrays took a third of a read. These functions have the rights of their caller, so
-- their text goes into the caller's; what has the rights of the platform's role are the
-- views that they read.
--
-- The wall is where it was, in the functions: each key names its organization, or none
-- where it is a Super Admin's, and only a row that has both is answered. The login role
-- may read the views but not use their schema, so it cannot name them: it reaches them
-- through the functions, whose bodies were bound to them here. That is against what the
-- service forgets; who writes statements of their own as the login role may take the
-- platform's role as well, and a condition of theirs beside a call could see other rows.
--
-- read_clients and read_events stay: instances of the release before run on while this
-- one starts.
CREATE SCHEMA by_key;
COMMENT ON SCHEMA by_key IS 'What clients_by_key and events_by_key read, and nobody else.';

-- The columns that are read. A table keeps the type of what a view shows: to change
-- one, or to show another, is for the platform's role (SET LOCAL ROLE), with the functions.
CREATE VIEW by_key.clients AS
    SELECT id, organization_id, name, email, phone, phone_e164, type, status, rfc, business_name, billing_address,
        acquisition_source, acquisition_detail, notes, assigned_to_id, created_by, created_at, updated_at, deleted_at, version
    FROM public.clients;
COMMENT ON VIEW by_key.clients IS 'The clients of all tenants.';
CREATE VIEW by_key.events AS SELECT id, organization_id, name, starts_at, client_id FROM public.events;
COMMENT ON VIEW by_key.events IS 'The events of all tenants.';
CREATE VIEW by_key.users AS SELECT id, first_name, last_name FROM public.users;
COMMENT ON VIEW by_key.users IS 'The people of all teams.';

CREATE TYPE by_key.event_summary AS (id uuid, name text, starts_at timestamptz);
COMMENT ON TYPE by_key.event_summary IS 'An event as it stands beside its client.';
COMMENT ON COLUMN by_key.event_summary.id IS 'The event.';
COMMENT ON COLUMN by_key.event_summary.name IS 'What it is called.';
COMMENT ON COLUMN by_key.event_summary.starts_at IS 'When it begins, as far as that is known.';

CREATE FUNCTION clients_by_key(organizations uuid[], ids uuid[], with_deleted boolean[], with_events boolean[], most_events bigint)
    RETURNS TABLE (place bigint, client by_key.clients, first_name text, last_name text,
        event_count bigint, latest_events by_key.event_summary[])
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
        SELECT asked.place, client, assignee.first_name::text, assignee.last_name::text,
            -- Counted only where the latest do not tell how many there are.
            CASE WHEN cardinality(linked.latest) < most_events THEN cardinality(linked.latest)
                ELSE (SELECT count(*) FROM by_key.events AS event
                    WHERE event.organization_id = client.organization_id AND event.client_id = client.id) END,
            linked.latest
        FROM unnest(organizations, ids, with_deleted, with_events)
            WITH ORDINALITY AS asked (organization_id, id, deleted, events, place)
        JOIN by_key.clients AS client ON client.id = asked.id
            AND (client.organization_id = asked.organization_id OR asked.organization_id IS NULL)
            AND (client.deleted_at IS NULL OR asked.deleted)
        LEFT JOIN by_key.users AS assignee ON assignee.id = client.assigned_to_id
        CROSS JOIN LATERAL (
            SELECT CASE WHEN asked.events THEN ARRAY(
                SELECT ROW(event.id, event.name::text, event.starts_at)::by_key.event_summary
                FROM by_key.events AS event
                WHERE event.organization_id = client.organization_id AND event.client_id = client.id
                ORDER BY event.starts_at DESC NULLS LAST, event.id
                LIMIT most_events) END AS latest
            -- Made once for each client, however often it is named above.
            OFFSET 0) AS linked;
    END;
COMMENT ON FUNCTION clients_by_key(uuid[], uuid[], boolean[], boolean[], bigint) IS
    'Clients by organization and id, each with the place of its key from 1 on, its assignee, how many events it has and, where asked for, the latest so many.';

CREATE FUNCTION events_by_key(organizations uuid[], ids uuid[])
    RETURNS TABLE (place bigint, event by_key.events, client by_key.clients)
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
        SELECT asked.place, event, client
        FROM unnest(organizations, ids) WITH ORDINALITY AS asked (organization_id, id, place)
        JOIN by_key.events AS event ON event.id = asked.id
            AND (event.organization_id = asked.organization_id OR asked.organization_id IS NULL)
        LEFT JOIN by_key.clients AS client ON client.id = event.client_id
            AND client.organization_id = event.organization_id AND client.deleted_at IS NULL;
    END;
COMMENT ON FUNCTION events_by_key(uuid[], uuid[]) IS
    'Events by organization and id, each with the place of its key from 1 on and its client while that lives.';

REVOKE ALL ON FUNCTION clients_by_key(uuid[], uuid[], boolean[], boolean[], bigint), events_by_key(uuid[], uuid[]) FROM PUBLIC;

-- Given away to a role that could have made them itself; what the former owner may do
-- goes with that, and reading is granted again by the new one.
GRANT CREATE ON SCHEMA by_key TO nvito_clients_platform;
ALTER VIEW by_key.clients OWNER TO nvito_clients_platform;
ALTER VIEW by_key.events OWNER TO nvito_clients_platform;
ALTER VIEW by_key.users OWNER TO nvito_clients_platform;
ALTER TYPE by_key.event_summary OWNER TO nvito_clients_platform;
ALTER SCHEMA by_key OWNER TO nvito_clients_platform;
DO $$
DECLARE
    login name := current_user;
BEGIN
    SET LOCAL ROLE nvito_clients_platform;
    EXECUTE format('GRANT SELECT ON by_key.clients, by_key.events, by_key.users TO %I', login);
    RESET ROLE;
END
$$;
