-- What a list says in all, without counting: a total is the sum of a few rows here.
-- A write adds rows of its own and changes none, so that two writers of one tenant
-- never wait for each other; now and then they are added up, twice: by assignee,
-- and whoever that is, or an organization with a thousand people would sum up
-- thousands of rows for the plainest of lists.
CREATE TABLE client_totals (
    organization_id uuid NOT NULL,
    grain text NOT NULL
        CONSTRAINT client_totals_grain_known CHECK (grain IN ('WRITE', 'ASSIGNEE', 'ALL')),
    assigned boolean NOT NULL,
    assigned_to_id uuid NOT NULL,
    deleted boolean NOT NULL,
    status text NOT NULL,
    type text NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    change integer NOT NULL,
    -- All of a row: totals are read from the index alone.
    PRIMARY KEY (organization_id, grain, assigned, assigned_to_id, deleted, status, type, id) INCLUDE (change)
);
COMMENT ON TABLE client_totals IS
    'How many clients there are of each kind: the sum of change over WRITE and ALL, or over WRITE and ASSIGNEE. Kept by triggers on clients, in the transaction of each write, so it is exact in every snapshot. Refers to nothing: every row comes from one of clients, which does.';
COMMENT ON COLUMN client_totals.organization_id IS 'The tenant.';
COMMENT ON COLUMN client_totals.grain IS
    'WRITE: noted by a write and not added up yet; ASSIGNEE: added up by assignee; ALL: whoever that is.';
COMMENT ON COLUMN client_totals.assigned IS 'Whether somebody looks after them; false in ALL.';
COMMENT ON COLUMN client_totals.assigned_to_id IS 'Who looks after them; all zeros where assigned is false.';
COMMENT ON COLUMN client_totals.deleted IS 'Whether they are softly deleted.';
COMMENT ON COLUMN client_totals.status IS 'Where they stand.';
COMMENT ON COLUMN client_totals.type IS 'Natural or legal persons.';
COMMENT ON COLUMN client_totals.id IS 'Tells rows of one kind apart.';
COMMENT ON COLUMN client_totals.change IS 'How many came, or went where it is below zero.';

ALTER TABLE client_totals ENABLE ROW LEVEL SECURITY;
ALTER TABLE client_totals FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON client_totals TO nvito_clients_tenant
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
CREATE POLICY platform ON client_totals TO nvito_clients_platform USING (true);

-- FOR UPDATE asks for UPDATE of one column at least.
GRANT SELECT ON client_totals TO nvito_clients_tenant;
GRANT SELECT, INSERT, DELETE, UPDATE (change) ON client_totals TO nvito_clients_platform;

-- Rows are deleted by whoever has locked them first and nobody waits, so no row is
-- added up twice and no two writers can wait for each other. Whoever reads
-- meanwhile sees the rows of before or the sum, never both.
CREATE FUNCTION fold_client_totals(tenant uuid) RETURNS integer
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
    INSERT INTO public.client_totals (organization_id, grain, assigned, assigned_to_id, deleted, status, type, change)
    SELECT tenant, 'ASSIGNEE', gone.assigned, gone.assigned_to_id, gone.deleted, gone.status, gone.type,
        sum(gone.change)
    FROM gone
    WHERE gone.grain IN ('WRITE', 'ASSIGNEE')
    GROUP BY 3, 4, 5, 6, 7
    HAVING sum(gone.change) <> 0
    UNION ALL
    SELECT tenant, 'ALL', false, '00000000-0000-0000-0000-000000000000'::uuid, gone.deleted, gone.status, gone.type,
        sum(gone.change)
    FROM gone
    WHERE gone.grain IN ('WRITE', 'ALL')
    GROUP BY 5, 6, 7
    HAVING sum(gone.change) <> 0;
    GET DIAGNOSTICS left_over = ROW_COUNT;
    RETURN left_over;
END
$$;
COMMENT ON FUNCTION fold_client_totals(uuid) IS
    'Adds up what writes of a tenant have noted; no total changes. Hands back how many rows the sums are.';

CREATE FUNCTION fold_client_totals() RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    AS $$
SELECT coalesce(sum(public.fold_client_totals(crowded.organization_id)), 0)::integer
FROM (SELECT DISTINCT total.organization_id
      FROM public.client_totals AS total
      WHERE total.grain = 'WRITE') AS crowded
$$;
COMMENT ON FUNCTION fold_client_totals() IS 'The same for every tenant with something to add up.';

-- One write in a hundred adds up, so that a list reads a few hundred rows at most
-- and a write pays a hundredth of it. With the rights of the platform: a tenant may
-- read its totals and not make any up.
CREATE FUNCTION count_clients() RETURNS trigger
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

REVOKE ALL ON FUNCTION fold_client_totals(uuid), fold_client_totals(), count_clients() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fold_client_totals() TO nvito_clients_platform;
-- Who has moved a thousand clients at once adds up at the end.
GRANT EXECUTE ON FUNCTION fold_client_totals(uuid) TO nvito_clients_tenant, nvito_clients_platform;

CREATE TRIGGER count_created AFTER INSERT ON clients REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION count_clients();
CREATE TRIGGER count_purged AFTER DELETE ON clients REFERENCING OLD TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION count_clients();
-- Most writes change nothing that is counted, and pay for nothing.
CREATE TRIGGER count_changed AFTER UPDATE ON clients FOR EACH ROW
    WHEN (ROW (OLD.organization_id, OLD.deleted_at IS NULL, OLD.status, OLD.type, OLD.assigned_to_id)
        IS DISTINCT FROM ROW (NEW.organization_id, NEW.deleted_at IS NULL, NEW.status, NEW.type, NEW.assigned_to_id))
    EXECUTE FUNCTION count_clients();

-- Those that are there. No write comes between: creating the triggers has locked the table.
ALTER TABLE clients NO FORCE ROW LEVEL SECURITY;
ALTER TABLE client_totals NO FORCE ROW LEVEL SECURITY;
INSERT INTO client_totals (organization_id, grain, assigned, assigned_to_id, deleted, status, type, change)
SELECT organization_id, 'WRITE', assigned_to_id IS NOT NULL,
    coalesce(assigned_to_id, '00000000-0000-0000-0000-000000000000'), deleted_at IS NOT NULL, status, type, count(*)
FROM clients
GROUP BY 1, 3, 4, 5, 6, 7;
SELECT fold_client_totals();
ALTER TABLE client_totals FORCE ROW LEVEL SECURITY;
ALTER TABLE clients FORCE ROW LEVEL SECURITY;

-- A function is given away to a role that could have made it itself.
GRANT CREATE ON SCHEMA public TO nvito_clients_platform;
ALTER FUNCTION fold_client_totals(uuid) OWNER TO nvito_clients_platform;
ALTER FUNCTION fold_client_totals() OWNER TO nvito_clients_platform;
ALTER FUNCTION count_clients() OWNER TO nvito_clients_platform;
REVOKE CREATE ON SCHEMA public FROM nvito_clients_platform;
