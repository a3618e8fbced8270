-- The search of migration 0005 handed back ids, with which every match was read
-- again, for the page and for the total. This one hands back what filters, orders
-- and totals need, so that only the rows of the page are read again.
CREATE FUNCTION search_clients(fragment text, digits text)
    RETURNS TABLE (id uuid, organization_id uuid, deleted_at timestamptz, status text, type text,
        assigned_to_id uuid, created_at timestamptz, updated_at timestamptz, name varchar)
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, public, pg_temp
    -- Planned once, for whatever is looked for: to plan each search anew takes as
    -- long as a short answer.
    SET plan_cache_mode = force_generic_plan
    AS $$
DECLARE
    tenant uuid := nullif(current_setting('app.organization_id', true), '')::uuid;
    folded text COLLATE "C" := fold_text(fragment);
    by_text text := search_pattern(fragment);
    by_digits text := search_pattern(digits);
BEGIN
    IF digits IS NOT NULL THEN
        RETURN QUERY
            SELECT client.id, client.organization_id, client.deleted_at, client.status, client.type,
                client.assigned_to_id, client.created_at, client.updated_at, client.name
            FROM public.clients AS client
            WHERE client.organization_id = tenant
              AND (client.search_text LIKE by_text OR client.search_text LIKE by_digits);
    ELSIF folded ~ '[[:alnum:]]{3}' THEN
        RETURN QUERY
            SELECT client.id, client.organization_id, client.deleted_at, client.status, client.type,
                client.assigned_to_id, client.created_at, client.updated_at, client.name
            FROM public.clients AS client
            WHERE client.organization_id = tenant AND client.search_text LIKE by_text;
    ELSE
        -- Without three letters in a row there is no trigram, and the index would
        -- be read whole, all tenants' part of it: the tenant's rows are fewer.
        RETURN QUERY
            SELECT client.id, client.organization_id, client.deleted_at, client.status, client.type,
                client.assigned_to_id, client.created_at, client.updated_at, client.name
            FROM public.clients AS client
            WHERE client.organization_id = tenant AND strpos(client.search_text, folded) > 0;
    END IF;
END
$$;
COMMENT ON FUNCTION search_clients(text, text) IS
    'The clients of the tenant in app.organization_id, none without it, that hold a fragment or its digits: what lists filter, order and count by.';

REVOKE ALL ON FUNCTION search_clients(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_clients(text, text) TO nvito_clients_tenant;

-- A function is given away to a role that could have made it itself.
GRANT CREATE ON SCHEMA public TO nvito_clients_platform;
ALTER FUNCTION search_clients(text, text) OWNER TO nvito_clients_platform;
REVOKE CREATE ON SCHEMA public FROM nvito_clients_platform;

-- search_client_ids stays: instances of the release before run on while this one
-- starts, and ask it. A later migration may drop it.
