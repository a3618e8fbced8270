DROP INDEX events_client_page_idx;
