-- The role stays: it belongs to the cluster, and another database may use it.
REVOKE USAGE ON SCHEMA public FROM nvito_clients_group;
