ALTER INDEX clients_search_idx RESET (gin_pending_list_limit);
