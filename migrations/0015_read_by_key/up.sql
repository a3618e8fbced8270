-- Point reads of several callers in one statement. It cannot take the role of a
-- tenant, as they are of several; so these functions run as the platform role and
-- are the wall themselves: each key names its organization, and only a row that
-- has both is answered. The service compares them once more.
-- A key without an organization is a Super Admin's, who sees all.
--
-- What they answer as a row of a table stays right when the table gets a column.
CREATE FUNCTION read_clients(organizations uuid[], ids uuid[], with_deleted boolean[], with_events boolean[], most_events bigint)
    RETURNS TABLE (place bigint, client clients, first_name text, last_name text,
        event_count bigint, event_ids uuid[], event_names text[], event_starts timestamptz[])
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, public, pg_temp
    SET plan_cache_mode = force_generic_plan
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT asked.place, client, assignee.first_name::text, assignee.last_name::text,
            (SELECT count(*) FROM public.events AS event
             WHERE event.organization_id = client.organization_id AND event.client_id = client.id),
            linked.ids, linked.names, linked.starts
        FROM unnest(organizations, ids, with_deleted, with_events)
            WITH ORDINALITY AS asked (organization_id, id, deleted, events, place)
        JOIN public.clients AS client ON client.id = asked.id
            AND (client.organization_id = asked.organization_id OR asked.organization_id IS NULL)
            AND (client.deleted_at IS NULL OR asked.deleted)
        LEFT JOIN public.users AS assignee ON assignee.id = client.assigned_to_id
        LEFT JOIN LATERAL (
            SELECT array_agg(latest.id) AS ids, array_agg(latest.name::text) AS names,
                array_agg(latest.starts_at) AS starts
            FROM (
                SELECT event.id, event.name, event.starts_at
                FROM public.events AS event
                WHERE event.organization_id = client.organization_id AND event.client_id = client.id
                ORDER BY event.starts_at DESC NULLS LAST, event.id
                LIMIT most_events) AS latest
        ) AS linked ON asked.events;
END
$$;
COMMENT ON FUNCTION read_clients(uuid[], uuid[], boolean[], boolean[], bigint) IS
    'Clients by organization and id, each with the place of its key from 1 on, its assignee, how many events it has and, where asked for, the latest so many.';

CREATE FUNCTION read_events(organizations uuid[], ids uuid[])
    RETURNS TABLE (place bigint, event events, client clients)
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, public, pg_temp
    SET plan_cache_mode = force_generic_plan
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT asked.place, event, client
        FROM unnest(organizations, ids) WITH ORDINALITY AS asked (organization_id, id, place)
        JOIN public.events AS event ON event.id = asked.id
            AND (event.organization_id = asked.organization_id OR asked.organization_id IS NULL)
        LEFT JOIN public.clients AS client ON client.id = event.client_id
            AND client.organization_id = event.organization_id AND client.deleted_at IS NULL;
END
$$;
COMMENT ON FUNCTION read_events(uuid[], uuid[]) IS
    'Events by organization and id, each with the place of its key from 1 on and its client while that lives.';

REVOKE ALL ON FUNCTION read_clients(uuid[], uuid[], boolean[], boolean[], bigint), read_events(uuid[], uuid[]) FROM PUBLIC;

-- A function is given away to a role that could have made it itself.
GRANT CREATE ON SCHEMA public TO nvito_clients_platform;
ALTER FUNCTION read_clients(uuid[], uuid[], boolean[], boolean[], bigint) OWNER TO nvito_clients_platform;
ALTER FUNCTION read_events(uuid[], uuid[]) OWNER TO nvito_clients_platform;
REVOKE CREATE ON SCHEMA public FROM nvito_clients_platform;

-- For the role that the service logs in as, which runs the migrations; granted by
-- the new owner, as what the former one has is lost with the functions.
DO $$
DECLARE
    login name := current_user;
BEGIN
    SET LOCAL ROLE nvito_clients_platform;
    EXECUTE format('GRANT EXECUTE ON FUNCTION read_clients(uuid[], uuid[], boolean[], boolean[], bigint), '
        'read_events(uuid[], uuid[]) TO %I', login);
    RESET ROLE;
END
$$;
