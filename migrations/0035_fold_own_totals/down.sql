-- A function is replaced by its owner, who could have made it.
GRANT CREATE ON SCHEMA public TO nvito_clients_platform;
SET LOCAL ROLE nvito_clients_platform;

CREATE OR REPLACE FUNCTION fold_client_totals(tenant uuid) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    SET plan_cache_mode = force_generic_plan
    AS $$
DECLARE
    left_over integer;
BEGIN
    -- A snapshot of before would not see who folded meanwhile.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RETURN 0;
    END IF;
    WITH written AS (
        SELECT DISTINCT total.assigned, total.assigned_to_id, total.deleted, total.status, total.type
        FROM public.client_totals AS total
        WHERE total.organization_id = tenant AND total.grain = 'WRITE'),
    locked AS MATERIALIZED (
        SELECT total.ctid AS place
        FROM public.client_totals AS total
        WHERE total.organization_id = tenant
          AND (total.grain IN ('WRITE', 'ALL')
            OR total.grain = 'ASSIGNEE' AND EXISTS (
                SELECT FROM written
                WHERE (written.assigned, written.assigned_to_id, written.deleted, written.status, written.type)
                    = (total.assigned, total.assigned_to_id, total.deleted, total.status, total.type)))
        FOR UPDATE SKIP LOCKED),
    gone AS (
        DELETE FROM public.client_totals AS total
        WHERE total.ctid = ANY (ARRAY(SELECT locked.place FROM locked))
        RETURNING total.*)
    INSERT INTO public.client_totals (organization_id, grain, assigned, assigned_to_id, deleted, status, type, change, mark)
    SELECT tenant, 'ASSIGNEE', gone.assigned, gone.assigned_to_id, gone.deleted, gone.status, gone.type,
        sum(gone.change), 0
    FROM gone
    WHERE gone.grain IN ('WRITE', 'ASSIGNEE')
    GROUP BY 3, 4, 5, 6, 7
    HAVING sum(gone.change) <> 0
    UNION ALL
    -- What came and went leaves its mark.
    SELECT tenant, 'ALL', false, '00000000-0000-0000-0000-000000000000'::uuid, gone.deleted, gone.status, gone.type,
        sum(gone.change), bit_xor(gone.mark)
    FROM gone
    WHERE gone.grain IN ('WRITE', 'ALL')
    GROUP BY 5, 6, 7
    HAVING sum(gone.change) <> 0 OR bit_xor(gone.mark) <> 0;
    GET DIAGNOSTICS left_over = ROW_COUNT;
    RETURN left_over;
END
$$;
COMMENT ON FUNCTION fold_client_totals(uuid) IS
    'Adds up what writes of a tenant have noted; no total changes. Hands back how many rows the sums are.';

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM nvito_clients_platform;
