GRANT CREATE ON SCHEMA public TO nvito_clients_platform;
SET LOCAL ROLE nvito_clients_platform;
DROP FUNCTION search_all_clients(text, text);
CREATE OR REPLACE FUNCTION search_clients(fragment text, digits text)
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

CREATE OR REPLACE FUNCTION suggest_client_ids(fragment text, digits text, most bigint) RETURNS uuid[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    SET plan_cache_mode = force_generic_plan
    AS $$
DECLARE
    tenant uuid := nullif(current_setting('app.organization_id', true), '')::uuid;
    folded text COLLATE "C" := btrim(fold_text(fragment));
    -- A number is looked for by its digits: as they are written, they are in too
    -- many telephones.
    held_text text COLLATE "C" := coalesce(digits, folded);
    -- Few trigrams find it among few rows; each more of them costs, and its reading.
    held_start text := search_pattern(left(held_text, 5));
    -- A telephone of which too little is there: every third begins so.
    begun boolean := digits IS NULL AND folded ~ '^[+(][0-9]';
    half int := greatest(3, char_length(folded) / 2);
    by_start text := search_pattern(left(folded, half));
    by_end text := search_pattern(right(folded, half));
    -- Begins a later word of the name: folding makes plain marks of most others.
    word text := '^[^\n]*[ -/:-@[-`{-~]' || regexp_replace(folded, '[][\\.^$*+?(){}|]', '\\\&', 'g');
    ids uuid[];
BEGIN
    -- Combining marks alone fold to nothing, with which every name begins.
    IF folded = '' THEN
        RETURN '{}';
    END IF;

    ids := ARRAY(
        SELECT client.id
        FROM public.clients AS client
        WHERE client.organization_id = tenant AND client.deleted_at IS NULL
          AND left(split_part(client.search_text, E'\n', 1), 255) BETWEEN folded AND folded || chr(1114111)
        ORDER BY left(split_part(client.search_text, E'\n', 1), 255), client.id
        LIMIT most);

    IF cardinality(ids) = most OR begun THEN
        NULL;
    ELSIF digits IS NOT NULL OR folded ~ '[[:alnum:]]{3}' THEN
        ids := ids || ARRAY(
            WITH held AS MATERIALIZED (
                SELECT client.id, client.search_text
                FROM public.clients AS client
                WHERE client.organization_id = tenant AND client.deleted_at IS NULL
                  AND client.search_text LIKE held_start
                  AND strpos(client.search_text, held_text) > 0
                -- Whoever typed so little of so many has to type on.
                LIMIT 100)
            SELECT held.id
            FROM held
            WHERE held.id <> ALL (ids)
            ORDER BY held.search_text ~ word DESC, split_part(held.search_text, E'\n', 1), held.id
            LIMIT most - cardinality(ids));
    ELSIF folded ~ '^[[:alnum:]]' THEN
        -- One or two letters are a trigram only where a word begins.
        ids := ids || ARRAY(
            WITH held AS MATERIALIZED (
                SELECT client.id, client.search_text
                FROM public.clients AS client
                WHERE client.organization_id = tenant AND client.deleted_at IS NULL
                  AND client.search_text ~ word
                LIMIT 100)
            SELECT held.id
            FROM held
            WHERE held.id <> ALL (ids)
            ORDER BY split_part(held.search_text, E'\n', 1), held.id
            LIMIT most - cardinality(ids));
    ELSE
        -- Without them the index would be read whole, all tenants' part of it:
        -- the tenant's names are fewer.
        ids := ids || ARRAY(
            SELECT client.id
            FROM public.clients AS client
            WHERE client.organization_id = tenant AND client.deleted_at IS NULL
              AND strpos(split_part(client.search_text, E'\n', 1), folded) > 0
              AND client.id <> ALL (ids)
            ORDER BY left(split_part(client.search_text, E'\n', 1), 255), client.id
            LIMIT most - cardinality(ids));
    END IF;

    -- Whoever is found needs no guess. One slip leaves half of what is typed as it
    -- was, and the trigrams find that half; to have them weigh likeness takes
    -- three times as long.
    IF cardinality(ids) = 0 AND char_length(folded) >= 4
        AND folded ~ '^[[:alpha:]]{3}' AND folded ~ '[[:alpha:]]{3}$'
    THEN
        ids := ARRAY(
            WITH held AS MATERIALIZED (
                SELECT client.id, split_part(client.search_text, E'\n', 1) AS name
                FROM public.clients AS client
                WHERE client.organization_id = tenant AND client.deleted_at IS NULL
                  AND (client.search_text LIKE by_start OR client.search_text LIKE by_end)
                -- Likeness is dear: of a surname that a whole town has, some will do.
                LIMIT 20),
            -- Of several words one alone is no likeness: "maria lopes" is not every María.
            alike AS MATERIALIZED (
                SELECT held.id, held.name, min(word_similarity(typed.word, held.name)) AS likeness
                FROM held, regexp_split_to_table(folded, '\s+') AS typed (word)
                GROUP BY held.id, held.name)
            SELECT alike.id
            FROM alike
            WHERE alike.likeness >= 0.45
            ORDER BY alike.likeness DESC, alike.name, alike.id
            LIMIT most);
    END IF;
    RETURN ids;
END
$$;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM nvito_clients_platform;

-- Under row-level security an operator that is not leakproof, as LIKE is, may
-- not be an index condition: the search would read every client of the tenant.
-- This function runs as the platform role, whose policy is no barrier, filters
-- by the very setting the tenant's policy reads, and hands back nothing but ids.
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

DROP INDEX clients_search_idx;
CREATE INDEX clients_search_idx ON clients USING gin (organization_id, search_text gin_trgm_ops)
    WITH (gin_pending_list_limit = 512);
COMMENT ON INDEX clients_search_idx IS 'Fragments of name, e-mail and phone within a tenant.';
DROP FUNCTION mark_trigrams(uuid, text[]), trigrams_within(text, boolean);
