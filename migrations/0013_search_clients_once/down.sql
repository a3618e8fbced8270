DROP FUNCTION search_clients(text, text);
