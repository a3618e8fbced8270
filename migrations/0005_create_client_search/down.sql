DROP FUNCTION search_client_ids(text, text);
