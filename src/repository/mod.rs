//! PostgreSQL: scoped queries, transactions, rows ↔ domain.
//!
//! A [`Repository`] is made from a [`Scope`] and a `Scope` from a `Principal`,
//! so no query can be written without saying whose rows it may touch. Every
//! transaction also takes a database role under row-level security: the second
//! wall, which holds when the first one has a hole (see [`scope`]).

mod assignments;
pub mod bulk;
mod clients;
mod connect;
pub mod counts;
mod directory;
pub mod error;
mod events;
mod gather;
mod group;
mod held;
mod history;
mod idempotency;
mod life;
mod list;
pub mod migrations;
mod mutation;
mod points;
mod pool;
mod rows;
mod said;
mod schema;
pub mod scope;
mod share;
mod standby;
mod statement;
mod suggest;
mod summary;
mod totals;
mod transaction;
mod trigrams;

pub use assignments::{ReassignClients, Reassigned};
pub use clients::{CreateClient, UpdateClient};
pub use connect::PLANNING;
pub use directory::{RemoveMember, UpsertEvent, UpsertMember, UpsertOrganization};
pub use events::{LinkEvent, RemoveEvent, UnlinkEvent};
pub use history::History;
pub use idempotency::Idempotency;
pub use life::{DeleteClient, PurgeClient, TransitionClient, UndeleteClient};
pub use list::{ClientFilter, ClientList, Position};
pub use mutation::{Answer, Encode, Mutation, Options};
pub use pool::{Database, PoolStatus};
pub use scope::Scope;
pub use standby::{Databases, Replica, Standbys};
pub use suggest::Suggestion;

use tokio::time::Instant;

/// The clients and the directory, as one scope may see them.
#[derive(Clone)]
pub struct Repository {
    database: Database,
    scope: Scope,
    call: String,
    deadline: Instant,
}

impl Repository {
    /// The rows of `scope`. What is written says in its history that it was
    /// `call`, unless the write has a request id of its own. No statement runs
    /// on after `deadline`.
    pub fn new(database: Database, scope: Scope, call: String, deadline: Instant) -> Self {
        Self {
            database,
            scope,
            call,
            deadline,
        }
    }
}
