-- ListClients by a fragment of name, e-mail or telephone, as list.sql.
\set limit 11
\set offset 0
\startpipeline
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL ROLE nvito_clients_tenant;
SELECT set_config('statement_timeout', '10000', true), set_config('app.organization_id', :organization, true), set_config('app.actor_id', :actor, true);
\endpipeline
\startpipeline
SELECT clients.id, clients.organization_id, clients.name, clients.email, clients.phone, clients.phone_e164, clients.type, clients.status, clients.rfc, clients.business_name, clients.billing_address, clients.acquisition_source, clients.acquisition_detail, clients.notes, clients.assigned_to_id, clients.created_by, clients.created_at, clients.updated_at, clients.deleted_at, clients.version FROM clients WHERE clients.organization_id = :organization AND clients.deleted_at IS NULL AND clients.id IN (SELECT search_client_ids(:term, CASE WHEN :digits::text <> :term::text THEN :digits::text END)) ORDER BY clients.created_at DESC, clients.id DESC LIMIT :limit OFFSET :offset;
SELECT count(*) FROM clients WHERE clients.organization_id = :organization AND clients.deleted_at IS NULL AND clients.id IN (SELECT search_client_ids(:term, CASE WHEN :digits::text <> :term::text THEN :digits::text END));
\endpipeline
\startpipeline
SELECT users.id, users.first_name, users.last_name FROM users WHERE users.id = ANY(:team);
SELECT events.client_id, count(*) FROM events WHERE events.organization_id = ANY(ARRAY[:organization]::uuid[]) AND events.client_id = ANY(:batch) GROUP BY events.client_id;
\endpipeline
COMMIT;
