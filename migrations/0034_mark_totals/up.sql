-- A search counts what it finds, and of a large organization that is most of its work.
-- What it has counted still holds where nothing was written since that changes who is
-- found: by these marks a later search knows, in the snapshot it reads itself.

-- Functions are replaced by their owner, who could have made them. EXECUTE is asked for
-- where a trigger is made, and not where it fires.
GRANT CREATE ON SCHEMA public TO nvito_clients_platform;
DO $$
DECLARE
    login name := current_user;
BEGIN
    SET LOCAL ROLE nvito_clients_platform;
    EXECUTE format('GRANT EXECUTE ON FUNCTION public.count_clients() TO %I', login);
END
$$;

-- As in migration 0027, and of what a search looks in there is a row as well.
CREATE OR REPLACE FUNCTION count_clients() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    nobody CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    chosen uuid;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (OLD.organization_id, OLD.deleted_at IS NULL, OLD.status, OLD.type, OLD.assigned_to_id)
            IS DISTINCT FROM (NEW.organization_id, NEW.deleted_at IS NULL, NEW.status, NEW.type, NEW.assigned_to_id)
        THEN
            INSERT INTO public.client_totals (organization_id, grain, assigned, assigned_to_id, deleted, status, type, change) VALUES
                (OLD.organization_id, 'WRITE', OLD.assigned_to_id IS NOT NULL, coalesce(OLD.assigned_to_id, nobody),
                    OLD.deleted_at IS NOT NULL, OLD.status, OLD.type, -1),
                (NEW.organization_id, 'WRITE', NEW.assigned_to_id IS NOT NULL, coalesce(NEW.assigned_to_id, nobody),
                    NEW.deleted_at IS NOT NULL, NEW.status, NEW.type, 1);
        ELSE
            -- What a search looks in: no total changes, but there is a mark of it.
            INSERT INTO public.client_totals (organization_id, grain, assigned, assigned_to_id, deleted, status, type, change) VALUES
                (NEW.organization_id, 'WRITE', NEW.assigned_to_id IS NOT NULL, coalesce(NEW.assigned_to_id, nobody),
                    NEW.deleted_at IS NOT NULL, NEW.status, NEW.type, 0);
        END IF;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO public.client_totals (organization_id, grain, assigned, assigned_to_id, deleted, status, type, change)
        SELECT written.organization_id, 'WRITE', written.assigned_to_id IS NOT NULL,
            coalesce(written.assigned_to_id, nobody), written.deleted_at IS NOT NULL, written.status, written.type, count(*)
        FROM written
        GROUP BY 1, 3, 4, 5, 6, 7;
    ELSE
        INSERT INTO public.client_totals (organization_id, grain, assigned, assigned_to_id, deleted, status, type, change)
        SELECT written.organization_id, 'WRITE', written.assigned_to_id IS NOT NULL,
            coalesce(written.assigned_to_id, nobody), written.deleted_at IS NOT NULL, written.status, written.type, -count(*)
        FROM written
        GROUP BY 1, 3, 4, 5, 6, 7;
    END IF;
    -- Each row has its chance, whoever's it is and however many a statement has. Once a
    -- transaction: what it has deleted itself stays in its way.
    IF current_setting('app.totals_folded', true) IS DISTINCT FROM 'on' THEN
        IF TG_OP = 'UPDATE' THEN
            chosen := CASE WHEN random() < 0.01 THEN NEW.organization_id END;
        ELSE
            SELECT written.organization_id INTO chosen
            FROM written WHERE random() < 0.01 ORDER BY random() LIMIT 1;
        END IF;
        IF chosen IS NOT NULL THEN
            PERFORM set_config('app.totals_folded', 'on', true);
            PERFORM public.fold_client_totals(chosen);
        END IF;
    END IF;
    RETURN NULL;
END
$$;

-- As in migration 0012, and with the marks.
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

-- Replaced, not dropped and made: readers of clients do not wait for it, and so none of
-- them holds client_totals meanwhile. Writers take clients first, as is done here.
CREATE OR REPLACE TRIGGER count_changed AFTER UPDATE ON clients FOR EACH ROW
    WHEN (ROW (OLD.organization_id, OLD.deleted_at IS NULL, OLD.status, OLD.type, OLD.assigned_to_id, OLD.search_text)
        IS DISTINCT FROM ROW (NEW.organization_id, NEW.deleted_at IS NULL, NEW.status, NEW.type, NEW.assigned_to_id, NEW.search_text))
    EXECUTE FUNCTION count_clients();
COMMENT ON TRIGGER count_changed ON clients IS
    'Notes in client_totals what an update changes of the totals, or of who is found by a search.';

ALTER TABLE client_totals ADD COLUMN mark bigint NOT NULL DEFAULT 0;
-- In two steps: what is there keeps 0, and the table is not written anew. It is read from
-- its rows, by searches alone: the key, from which totals are read, has no part of it.
ALTER TABLE client_totals ALTER COLUMN mark SET DEFAULT uuid_hash_extended(gen_random_uuid(), 0);
COMMENT ON COLUMN client_totals.mark IS
    'Drawn at random for each row of WRITE; bit_xor of those it adds up in ALL, 0 in ASSIGNEE. So bit_xor over the WRITE and ALL of an organization tells one set of writes from any other, of which clients there are, how they are counted and what a search looks in; 0 where there was none yet.';

DO $$
DECLARE
    login name := current_user;
BEGIN
    SET LOCAL ROLE nvito_clients_platform;
    EXECUTE format('REVOKE EXECUTE ON FUNCTION public.count_clients() FROM %I', login);
    RESET ROLE;
END
$$;
REVOKE CREATE ON SCHEMA public FROM nvito_clients_platform;
