-- Trigrams of all tenants in one index made a search read, for each of them, a list of
-- the clients of all tenants, and then find out which are the tenant's own. Here every
-- trigram bears a mark of its tenant and has a list of its own, so that a search reads
-- little more than what it finds.

CREATE FUNCTION mark_trigrams(tenant uuid, trigrams text[]) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    -- A few of its digits: where two tenants have the same, their lists are one, as all
    -- were before. That a client is the tenant's is always asked beside.
    mark text := right(tenant::text, 8);
BEGIN
    -- As one text: to go through the trigrams one by one takes half as long again.
    RETURN string_to_array(mark || array_to_string(trigrams, E'\n' || mark), E'\n');
END
$$;
COMMENT ON FUNCTION mark_trigrams(uuid, text[]) IS
    'Trigrams of a tenant''s client as they stand in clients_search_idx. Of none it makes one that nobody looks for.';

CREATE FUNCTION trigrams_within(fragment text, begins boolean) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    -- What so much of it has, few texts have that have not the rest; a whole one folds to
    -- several hundred characters at worst.
    first text := left(fragment, 32);
    before text[] := CASE WHEN begins THEN '{"", ""}' ELSE '{q, x}' END;
    after_q text[] := public.show_trgm(before[1] || first || 'q');
    after_x text[] := public.show_trgm(before[2] || first || 'x');
BEGIN
    -- show_trgm takes what it is given for whole words. Where a fragment ends, and where it
    -- begins, the word may go on: what it has with either of two letters there holds for all.
    RETURN ARRAY(
        SELECT trigram
        FROM unnest(public.show_trgm(first)) AS held (trigram)
        WHERE trigram = ANY (after_q) AND trigram = ANY (after_x));
END
$$;
COMMENT ON FUNCTION trigrams_within(text, boolean) IS
    'Trigrams of every text that holds a fragment, folded as that is; with begins, that holds it where a word begins. None where the fragment is too short to tell.';

-- Reads go on while it is built, and the former one is there for them until then.
-- The list of what waits to be sorted in as in migration 0014.
CREATE INDEX clients_search_by_tenant_idx ON clients
    USING gin (mark_trigrams(organization_id, show_trgm(search_text)))
    WITH (gin_pending_list_limit = 512);
-- Estimates of searches that are planned once do not look at these statistics, and
-- to gather them takes ANALYZE longer than all others.
ALTER INDEX clients_search_by_tenant_idx ALTER COLUMN 1 SET STATISTICS 0;

-- A function is replaced by its owner, who could have made it.
GRANT CREATE ON SCHEMA public TO nvito_clients_platform;
SET LOCAL ROLE nvito_clients_platform;

-- Not asked since migration 0013.
DROP FUNCTION search_client_ids(text, text);

-- As in migration 0013, by the marked trigrams. IS NOT DISTINCT FROM is no condition of
-- an index: asked for with =, PostgreSQL would read the keys of all clients of the tenant
-- beside the few that the trigrams have found.
CREATE OR REPLACE FUNCTION search_clients(fragment text, digits text)
    RETURNS TABLE (id uuid, organization_id uuid, deleted_at timestamptz, status text, type text,
        assigned_to_id uuid, created_at timestamptz, updated_at timestamptz, name varchar)
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, public, pg_temp
    SET plan_cache_mode = force_generic_plan
    -- Beyond it whole pages are found instead of rows, and each of their rows would have
    -- its trigrams made again: room for the pages of ten million clients.
    SET work_mem = '32MB'
    AS $$
DECLARE
    tenant uuid := nullif(current_setting('app.organization_id', true), '')::uuid;
    folded text COLLATE "C" := fold_text(fragment);
    by_text text := search_pattern(fragment);
    by_digits text := search_pattern(digits);
    in_text text[] COLLATE "C" := trigrams_within(folded, false);
    in_digits text[] COLLATE "C" := trigrams_within(digits, false);
BEGIN
    IF in_text = '{}' OR in_digits = '{}' THEN
        -- Without a trigram there is nothing to ask the index for; the tenant's rows are read.
        RETURN QUERY
            SELECT client.id, client.organization_id, client.deleted_at, client.status, client.type,
                client.assigned_to_id, client.created_at, client.updated_at, client.name
            FROM public.clients AS client
            WHERE client.organization_id = tenant
              AND (strpos(client.search_text, folded) > 0 OR strpos(client.search_text, digits) > 0);
        RETURN;
    END IF;
    in_text := mark_trigrams(tenant, in_text);
    in_digits := mark_trigrams(tenant, in_digits);
    RETURN QUERY
        SELECT client.id, client.organization_id, client.deleted_at, client.status, client.type,
            client.assigned_to_id, client.created_at, client.updated_at, client.name
        FROM public.clients AS client
        WHERE (mark_trigrams(client.organization_id, show_trgm(client.search_text)) @> in_text
            OR mark_trigrams(client.organization_id, show_trgm(client.search_text)) @> in_digits)
          AND (client.search_text LIKE by_text OR client.search_text LIKE by_digits)
          AND client.organization_id IS NOT DISTINCT FROM tenant;
END
$$;

-- For who sees all tenants, and with the rights of who calls it. It looks into the lists
-- of one tenant after the other.
CREATE FUNCTION search_all_clients(fragment text, digits text)
    RETURNS TABLE (id uuid, organization_id uuid, deleted_at timestamptz, status text, type text,
        assigned_to_id uuid, created_at timestamptz, updated_at timestamptz, name varchar)
    LANGUAGE plpgsql STABLE ROWS 1000
    SET search_path = pg_catalog, public, pg_temp
    SET plan_cache_mode = force_generic_plan
    SET work_mem = '32MB'
    AS $$
DECLARE
    tenant uuid;
    folded text COLLATE "C" := fold_text(fragment);
    by_text text := search_pattern(fragment);
    by_digits text := search_pattern(digits);
    in_text text[] COLLATE "C" := trigrams_within(folded, false);
    in_digits text[] COLLATE "C" := trigrams_within(digits, false);
BEGIN
    IF in_text = '{}' OR in_digits = '{}' THEN
        RETURN QUERY
            SELECT client.id, client.organization_id, client.deleted_at, client.status, client.type,
                client.assigned_to_id, client.created_at, client.updated_at, client.name
            FROM public.clients AS client
            WHERE strpos(client.search_text, folded) > 0 OR strpos(client.search_text, digits) > 0;
        RETURN;
    END IF;
    -- One after the other by a loop: of a join PostgreSQL believes that it were better to
    -- read all clients.
    FOR tenant IN SELECT organization.id FROM public.organizations AS organization LOOP
        RETURN QUERY
            SELECT client.id, client.organization_id, client.deleted_at, client.status, client.type,
                client.assigned_to_id, client.created_at, client.updated_at, client.name
            FROM public.clients AS client
            WHERE (mark_trigrams(client.organization_id, show_trgm(client.search_text)) @> mark_trigrams(tenant, in_text)
                OR mark_trigrams(client.organization_id, show_trgm(client.search_text)) @> mark_trigrams(tenant, in_digits))
              AND (client.search_text LIKE by_text OR client.search_text LIKE by_digits)
              AND client.organization_id IS NOT DISTINCT FROM tenant;
    END LOOP;
END
$$;
COMMENT ON FUNCTION search_all_clients(text, text) IS
    'The clients of all tenants that hold a fragment or its digits: search_clients for the platform.';
REVOKE ALL ON FUNCTION search_all_clients(text, text) FROM PUBLIC;

-- As in migration 0011, by the marked trigrams.
CREATE OR REPLACE FUNCTION suggest_client_ids(fragment text, digits text, most bigint) RETURNS uuid[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    SET plan_cache_mode = force_generic_plan
    SET work_mem = '32MB'
    AS $$
DECLARE
    tenant uuid := nullif(current_setting('app.organization_id', true), '')::uuid;
    folded text COLLATE "C" := btrim(fold_text(fragment));
    -- A number is looked for by its digits: as they are written, they are in too
    -- many telephones.
    held_text text COLLATE "C" := coalesce(digits, folded);
    wanted text[] COLLATE "C";
    others text[] COLLATE "C";
    -- A telephone of which too little is there: every third begins so.
    begun boolean := digits IS NULL AND folded ~ '^[+(][0-9]';
    half int := greatest(3, char_length(folded) / 2);
    at_start text := left(folded, half);
    at_end text := right(folded, half);
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
    ELSIF (digits IS NOT NULL OR folded ~ '[[:alnum:]]{3}') AND trigrams_within(held_text, false) <> '{}' THEN
        wanted := mark_trigrams(tenant, trigrams_within(held_text, false));
        ids := ids || ARRAY(
            WITH held AS MATERIALIZED (
                SELECT client.id, client.search_text
                FROM public.clients AS client
                WHERE mark_trigrams(client.organization_id, show_trgm(client.search_text)) @> wanted
                  AND client.organization_id IS NOT DISTINCT FROM tenant AND client.deleted_at IS NULL
                  AND strpos(client.search_text, held_text) > 0
                -- Whoever typed so little of so many has to type on.
                LIMIT 100)
            SELECT held.id
            FROM held
            WHERE held.id <> ALL (ids)
            ORDER BY held.search_text ~ word DESC, split_part(held.search_text, E'\n', 1), held.id
            LIMIT most - cardinality(ids));
    ELSIF folded ~ '^[[:alnum:]]' AND trigrams_within(folded, true) <> '{}' THEN
        -- One or two letters are a trigram only where a word begins.
        wanted := mark_trigrams(tenant, trigrams_within(folded, true));
        ids := ids || ARRAY(
            WITH held AS MATERIALIZED (
                SELECT client.id, client.search_text
                FROM public.clients AS client
                WHERE mark_trigrams(client.organization_id, show_trgm(client.search_text)) @> wanted
                  AND client.organization_id IS NOT DISTINCT FROM tenant AND client.deleted_at IS NULL
                  AND client.search_text ~ word
                LIMIT 100)
            SELECT held.id
            FROM held
            WHERE held.id <> ALL (ids)
            ORDER BY split_part(held.search_text, E'\n', 1), held.id
            LIMIT most - cardinality(ids));
    ELSE
        -- Without them there is nothing to ask the index for.
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
        wanted := mark_trigrams(tenant, trigrams_within(at_start, false));
        others := mark_trigrams(tenant, trigrams_within(at_end, false));
        ids := ARRAY(
            WITH held AS MATERIALIZED (
                SELECT client.id, split_part(client.search_text, E'\n', 1) AS name
                FROM public.clients AS client
                WHERE (mark_trigrams(client.organization_id, show_trgm(client.search_text)) @> wanted
                    OR mark_trigrams(client.organization_id, show_trgm(client.search_text)) @> others)
                  AND client.organization_id IS NOT DISTINCT FROM tenant AND client.deleted_at IS NULL
                  AND (strpos(client.search_text, at_start) > 0 OR strpos(client.search_text, at_end) > 0)
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

DROP INDEX clients_search_idx;
ALTER INDEX clients_search_by_tenant_idx RENAME TO clients_search_idx;
COMMENT ON INDEX clients_search_idx IS
    'Trigrams (pg_trgm) of what a search looks in, marked by their tenant: a search reads the lists of its own. To be rebuilt, as all that pg_trgm makes, where the locale changes.';
