-- The extensions stay: they may have been there before, and others may use them.
DROP FUNCTION search_pattern(text);
DROP FUNCTION fold_text(text);
DROP COLLATION spanish;
