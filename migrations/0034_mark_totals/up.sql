-- A search counts what it finds, and of a large organization that is most of its work.
-- What it has counted still holds where nothing was written since that changes who is
-- found: by these marks a later search knows, in the snapshot it reads itself.

-- EXECUTE is asked for where a trigger is made, and not where it fires.
SET LOCAL ROLE nvito_clients_platform;
GRANT EXECUTE ON FUNCTION count_clients() TO SESSION_USER;
RESET ROLE;

-- What a search looks in counts as well: it is noted as one client less and one more of
-- the same kind, each with a mark. (First, as writes take the tables in this order.)
DROP TRIGGER count_changed ON clients;
CREATE TRIGGER count_changed AFTER UPDATE ON clients FOR EACH ROW
    WHEN (ROW (OLD.organization_id, OLD.deleted_at IS NULL, OLD.status, OLD.type, OLD.assigned_to_id, OLD.search_text)
        IS DISTINCT FROM ROW (NEW.organization_id, NEW.deleted_at IS NULL, NEW.status, NEW.type, NEW.assigned_to_id, NEW.search_text))
    EXECUTE FUNCTION count_clients();
COMMENT ON TRIGGER count_changed ON clients IS
    'Notes in client_totals what an update changes of the totals, or of who is found by a search.';
SET LOCAL ROLE nvito_clients_platform;
REVOKE EXECUTE ON FUNCTION count_clients() FROM SESSION_USER;
RESET ROLE;

ALTER TABLE client_totals ADD COLUMN mark bigint NOT NULL DEFAULT 0;
-- In two steps: what is there keeps 0, and the table is not written anew.
ALTER TABLE client_totals ALTER COLUMN mark SET DEFAULT uuid_hash_extended(gen_random_uuid(), 0);
COMMENT ON COLUMN client_totals.mark IS
    'Drawn at random for each row of WRITE; bit_xor of those it adds up in ALL, 0 in ASSIGNEE. So bit_xor over the WRITE and ALL of an organization tells one set of writes from any other, of which clients there are, which are deleted and what a search looks in.';

-- As in migration 0012, and with the marks.
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

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM nvito_clients_platform;
