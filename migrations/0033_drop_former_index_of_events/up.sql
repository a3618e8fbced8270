-- events_client_page_idx begins with the same columns.
DROP INDEX events_client_idx;
