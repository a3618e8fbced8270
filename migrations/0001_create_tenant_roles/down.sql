-- The roles stay: they belong to the cluster, and another database may use them.
REVOKE USAGE ON SCHEMA public FROM nvito_clients_tenant, nvito_clients_platform;
