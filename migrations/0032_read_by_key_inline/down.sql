DROP FUNCTION events_by_key(uuid[], uuid[]);
DROP FUNCTION clients_by_key(uuid[], uuid[], boolean[], boolean[], bigint);
SET LOCAL ROLE nvito_clients_platform;
DROP SCHEMA by_key CASCADE;
RESET ROLE;
