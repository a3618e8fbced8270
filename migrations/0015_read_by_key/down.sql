DROP FUNCTION read_events(uuid[], uuid[]);
DROP FUNCTION read_clients(uuid[], uuid[], boolean[], boolean[], bigint);
