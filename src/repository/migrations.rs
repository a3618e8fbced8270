//! The schema: embedded, run forward at every start.

use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tokio::task::spawn_blocking;

use super::connect::connect;
use crate::error::Cause;

/// `migrations/`, as it was when this binary was built.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// Held while migrating, so that of two instances that start at once one
/// migrates and the other then finds nothing to do.
const LOCK: i64 = 0x6e76_6974_6f63_6c69;

/// Brings the database up to date and answers the names of the migrations run.
///
/// Needs a role that may create in the schema `public`, schemas, extensions and, unless
/// an administrator has made them, the roles of migrations 0001 and 0019.
pub async fn run(settings: &tokio_postgres::Config) -> Result<Vec<String>, Cause> {
    let mut connection = connect(settings).await?;
    connection
        .batch_execute(&format!(
            "SET lock_timeout = 0; SET statement_timeout = 0; SELECT pg_advisory_lock({LOCK})"
        ))
        .await?;
    // The lock goes with the connection, whatever happens.
    let mut harness: AsyncMigrationHarness<AsyncPgConnection> =
        AsyncMigrationHarness::new(connection);
    // It blocks its thread, and the runtime may have no other.
    let run = spawn_blocking(move || {
        let run = harness.run_pending_migrations(MIGRATIONS)?;
        Ok::<_, Cause>(run.iter().map(ToString::to_string).collect())
    });
    run.await?
}

/// Takes every migration back. For tests: nothing of the service goes backward. It
/// blocks its thread, so the runtime needs another.
#[doc(hidden)]
pub async fn revert(settings: &tokio_postgres::Config) -> Result<(), Cause> {
    let connection = connect(settings).await?;
    AsyncMigrationHarness::new(connection).revert_all_migrations(MIGRATIONS)?;
    Ok(())
}
