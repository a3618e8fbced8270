DROP FUNCTION search_clients(text, text);

CREATE FUNCTION search_client_ids(fragment text, digits text) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    tenant uuid := nullif(current_setting('app.organization_id', true), '')::uuid;
    folded text := fold_text(fragment);
    by_text text := search_pattern(fragment);
    by_digits text := search_pattern(coalesce(digits, fragment));
BEGIN
    -- Without three letters in a row there is no trigram, and the index would
    -- be read whole, all tenants' part of it: the tenant's rows are fewer.
    IF digits IS NULL AND folded !~ '[[:alnum:]]{3}' THEN
        RETURN QUERY
            SELECT client.id
            FROM public.clients AS client
            WHERE client.organization_id = tenant AND strpos(client.search_text, folded) > 0;
        RETURN;
    END IF;
    RETURN QUERY
        SELECT client.id
        FROM public.clients AS client
        WHERE client.organization_id = tenant
          AND (client.search_text LIKE by_text OR client.search_text LIKE by_digits);
END
$$;
COMMENT ON FUNCTION search_client_ids(text, text) IS
    'Ids of the clients of the tenant in app.organization_id, none without it, that hold a fragment or its digits.';

REVOKE ALL ON FUNCTION search_client_ids(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_client_ids(text, text) TO nvito_clients_tenant;

-- A function is given away to a role that could have made it itself.
GRANT CREATE ON SCHEMA public TO nvito_clients_platform;
ALTER FUNCTION search_client_ids(text, text) OWNER TO nvito_clients_platform;
REVOKE CREATE ON SCHEMA public FROM nvito_clients_platform;
