-- A function is replaced by its owner, who could have made it.
GRANT CREATE ON SCHEMA public TO nvito_clients_platform;
SET LOCAL ROLE nvito_clients_platform;

CREATE OR REPLACE FUNCTION count_clients() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    nobody CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO public.client_totals (organization_id, grain, assigned, assigned_to_id, deleted, status, type, change) VALUES
            (OLD.organization_id, 'WRITE', OLD.assigned_to_id IS NOT NULL, coalesce(OLD.assigned_to_id, nobody),
                OLD.deleted_at IS NOT NULL, OLD.status, OLD.type, -1),
            (NEW.organization_id, 'WRITE', NEW.assigned_to_id IS NOT NULL, coalesce(NEW.assigned_to_id, nobody),
                NEW.deleted_at IS NOT NULL, NEW.status, NEW.type, 1);
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
    -- Once a transaction: what it has deleted itself stays in its way.
    IF random() < 0.01 AND current_setting('app.totals_folded', true) IS DISTINCT FROM 'on' THEN
        PERFORM set_config('app.totals_folded', 'on', true);
        IF TG_OP = 'UPDATE' THEN
            PERFORM public.fold_client_totals(NEW.organization_id);
        ELSE
            PERFORM public.fold_client_totals(written.organization_id) FROM written LIMIT 1;
        END IF;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION count_clients() IS 'Notes in client_totals what came and went, whoever writes.';

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM nvito_clients_platform;
