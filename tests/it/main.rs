//! The service as its callers see it: the real server on a real socket, on a
//! real PostgreSQL.

mod layering;
mod matrix;
mod plans;
mod schema;
mod support;
mod tenants;
