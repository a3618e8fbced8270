DROP TABLE clients;
DROP FUNCTION touch_client();
DROP FUNCTION client_search_text(text, text, text, text);
