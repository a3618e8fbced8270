//! PostgreSQL: scoped queries, transactions, rows ↔ domain.
//!
//! A [`Repository`] is made from a [`Scope`] and a `Scope` from a `Principal`,
//! so no query can be written without saying whose rows it may touch. Every
//! transaction also takes a database role under row-level security: the second
//! wall, which holds when the first one has a hole (see [`scope`]).

pub mod bulk;
mod clients;
mod connect;
mod directory;
pub mod error;
mod idempotency;
mod list;
pub mod migrations;
mod mutation;
mod pool;
mod rows;
mod schema;
pub mod scope;
mod transaction;

pub use clients::{CreateClient, DeleteClient, UpdateClient};
pub use directory::{RemoveEvent, RemoveMember, UpsertEvent, UpsertMember, UpsertOrganization};
pub use idempotency::Idempotency;
pub use list::{ClientFilter, ClientList, Position};
pub use mutation::{Answer, Encode, Mutation, Options};
pub use pool::Database;
pub use scope::Scope;

/// The clients and the directory, as one scope may see them.
#[derive(Clone)]
pub struct Repository {
    database: Database,
    scope: Scope,
}

impl Repository {
    /// The rows of `scope`.
    pub fn new(database: Database, scope: Scope) -> Self {
        Self { database, scope }
    }
}
