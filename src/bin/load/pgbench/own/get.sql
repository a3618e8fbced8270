-- GetClient: the client, its assignee and the number of its events, its events.
\set one 1
\set most 1000
\startpipeline
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL ROLE nvito_clients_tenant;
SELECT set_config('statement_timeout', '10000', true), set_config('app.organization_id', :organization, true), set_config('app.actor_id', :actor, true);
\endpipeline
SELECT clients.id, clients.organization_id, clients.name, clients.email, clients.phone, clients.phone_e164, clients.type, clients.status, clients.rfc, clients.business_name, clients.billing_address, clients.acquisition_source, clients.acquisition_detail, clients.notes, clients.assigned_to_id, clients.created_by, clients.created_at, clients.updated_at, clients.deleted_at, clients.version FROM clients WHERE clients.organization_id = :organization AND clients.deleted_at IS NULL AND clients.id = :client LIMIT :one;
\startpipeline
SELECT users.id, users.first_name, users.last_name FROM users WHERE users.id = ANY(:assignees);
SELECT events.client_id, count(*) FROM events WHERE events.organization_id = ANY(ARRAY[:organization]::uuid[]) AND events.client_id = ANY(ARRAY[:client]::uuid[]) GROUP BY events.client_id;
\endpipeline
SELECT events.id, events.name, events.starts_at FROM events WHERE events.organization_id = :organization AND events.client_id = :client ORDER BY events.starts_at DESC NULLS LAST, events.id LIMIT :most;
COMMIT;
