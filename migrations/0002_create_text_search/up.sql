CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gin WITH SCHEMA public;

CREATE COLLATION spanish (provider = icu, locale = 'es-MX');
COMMENT ON COLLATION spanish IS
    'How names are sorted and case is folded, whatever locale the database was made with.';

-- PL/pgSQL, not SQL: it keeps its plan from call to call. Everything is
-- qualified because dumps are restored with an empty search_path.
CREATE FUNCTION fold_text(value text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
BEGIN
    RETURN lower(public.unaccent('public.unaccent', normalize(value, NFKC)) COLLATE public.spanish);
END
$$;
COMMENT ON FUNCTION fold_text(text) IS
    'Without accents and case: what two texts have in common for a person who searches.';

CREATE FUNCTION search_pattern(fragment text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
BEGIN
    -- Escaped after folding: folding turns a full-width percent sign into a plain one.
    RETURN '%' || regexp_replace(public.fold_text(fragment), '([\\%_])', '\\\1', 'g') || '%';
END
$$;
COMMENT ON FUNCTION search_pattern(text) IS
    'The LIKE pattern that finds a fragment in a folded text; its % and _ are plain characters.';
