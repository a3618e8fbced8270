DROP FUNCTION suggest_client_ids(text, text, bigint);
DROP INDEX clients_folded_name_idx;
