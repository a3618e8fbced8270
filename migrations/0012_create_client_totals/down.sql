DROP TRIGGER count_changed ON clients;
DROP TRIGGER count_purged ON clients;
DROP TRIGGER count_created ON clients;
DROP FUNCTION count_clients();
DROP FUNCTION fold_client_totals();
DROP FUNCTION fold_client_totals(uuid);
DROP TABLE client_totals;
