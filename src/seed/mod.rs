//! Data to begin with: a demonstration to look around in, and rows by the
//! hundred thousand to measure with.
//!
//! Both are the same on every machine: the demonstration is written down, and
//! what is rolled is rolled with [`dice`] of our own.

mod bulk;
mod client;
mod demo;
mod dice;
mod life;
mod names;
mod size;
mod tax;

pub use bulk::{ACTIVE, bulk};
pub use demo::{
    DEMO_CLIENT, DEMO_USER, DEMO_USER_B, ORGANIZATION_A, ORGANIZATION_B, demonstration,
};
pub use dice::Dice;
pub use size::{Size, term};

use std::fmt;

use chrono::Utc;

use crate::error::Result;
use crate::repository::Database;

/// How many rows were loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Loaded {
    /// Tenants.
    pub organizations: usize,
    /// Their members, inactive ones included.
    pub members: usize,
    /// Their clients.
    pub clients: usize,
    /// Their events, those that nobody is linked to included.
    pub events: usize,
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} organizations, {} members, {} clients and {} events loaded",
            self.organizations, self.members, self.clients, self.events
        )
    }
}

/// Loads the demonstration into a database without organizations; `false` when
/// there are some.
///
/// Of two instances that start at once one loads. The other waits at the first
/// organization's key and is then refused as a whole: the batch is one
/// transaction and its ids are constants.
pub async fn load_demonstration(database: &Database) -> Result<bool> {
    if !database.is_empty().await? {
        return Ok(false);
    }
    match database.load(&demonstration(Utc::now())).await {
        Ok(()) => Ok(true),
        Err(failure) => match database.is_empty().await {
            Ok(false) => Ok(false),
            _ => Err(failure),
        },
    }
}

/// Whether the demonstration's first organization is there.
pub async fn has_demonstration(database: &Database) -> Result<bool> {
    database.has_organization(ORGANIZATION_A).await
}

/// Loads [`bulk()`] and brings the statistics up to date.
///
/// Fails at the first batch where bulk rows are there already: organizations
/// have the same ids whatever their number. One that fails later leaves the
/// batches before it.
pub async fn load_bulk(database: &Database, organizations: u32, clients: u32) -> Result<Loaded> {
    load_bulk_of(database, Size::even(organizations, clients)).await
}

/// As [`load_bulk`], where one organization may have more than the others.
pub async fn load_bulk_of(database: &Database, size: Size) -> Result<Loaded> {
    let mut loaded = Loaded::default();
    // One after the other, in the order of time, as clients come in life: side
    // by side they would leave the indexes half empty.
    for batch in bulk(size) {
        database.load(&batch).await?;
        loaded.organizations += batch.organizations.len();
        loaded.members += batch.members.len();
        loaded.clients += batch.clients.len();
        loaded.events += batch.events.len();
        tracing::debug!(clients = loaded.clients, of = size.clients, "loaded");
    }
    database.analyze().await?;
    Ok(loaded)
}
