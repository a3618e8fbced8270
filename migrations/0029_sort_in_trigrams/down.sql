DROP FUNCTION sort_in_trigrams();
ALTER INDEX clients_search_idx SET (gin_pending_list_limit = 512);
