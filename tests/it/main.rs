//! The service as its callers see it: the real server on a real socket, on a
//! real PostgreSQL.

mod clients;
mod directory;
mod errors;
mod health;
mod hostile;
mod layering;
mod lists;
mod matrix;
mod plans;
mod postgres;
mod races;
mod reflection;
mod rehearsals;
mod repeats;
mod schema;
mod service;
mod support;
mod tenants;
