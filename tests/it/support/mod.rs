//! What the tests stand on: a PostgreSQL for the run, a database and a server
//! for each test, actors that call it, and failures made readable.

mod actor;
mod app;
mod cluster;
mod failure;

pub(crate) use actor::{Actor, client};
pub(crate) use app::App;
pub(crate) use cluster::{Cluster, connect};
pub(crate) use failure::Failure;

use uuid::Uuid;

/// A UUID nobody has.
pub(crate) fn nobody() -> String {
    Uuid::now_v7().to_string()
}
