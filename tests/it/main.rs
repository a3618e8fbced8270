//! The service as its callers see it: the real server on a real socket, on a
//! real PostgreSQL.

mod clients;
mod directory;
mod layering;
mod lists;
mod matrix;
mod plans;
mod races;
mod rehearsals;
mod repeats;
mod schema;
mod support;
mod tenants;
