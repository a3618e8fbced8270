-- An update that finds room on the row's own page, and changes nothing that is
-- indexed, leaves all indexes alone (a HOT update). On pages that were filled to
-- the brim half of the updates found none, and wrote to each of the eleven.
-- Pages written from now on keep a tenth free; older ones get there as their
-- rows are updated.
ALTER TABLE clients SET (fillfactor = 90);
