//! The schema: embedded, run forward at every start.

use std::collections::BTreeSet;
use std::error::Error;
use std::time::Duration;

use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::connect::connect;
use crate::error::{Cause, causes};

/// `migrations/`, as it was when this binary was built.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// Held while migrating, so that of two instances that start at once one
/// migrates and the other then finds nothing to do.
const LOCK: i64 = 0x6e76_6974_6f63_6c69;

/// How long a migration waits for a table while others wait behind it, who are refused
/// after two seconds: longer than `deadlock_timeout`, a second, after which PostgreSQL ends
/// an autovacuum that it waits for.
const LOCK_TIMEOUT: Duration = Duration::from_millis(1500);
/// How long others may go on before it is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// Brings the database up to date and answers the versions of the migrations run.
///
/// Needs a role that may create in the schema `public`, schemas, extensions and, unless
/// an administrator has made them, the roles of migrations 0001 and 0019. Where there is
/// nothing to do it writes nothing, and a role that may read the list of migrations is
/// enough. A table that somebody holds for long, as a dump does, is waited for without
/// end, but never for more than [`LOCK_TIMEOUT`] at once in the way of others: so a migration
/// locks first and works later.
pub async fn run(settings: &tokio_postgres::Config) -> Result<Vec<String>, Cause> {
    let mut connection = connect(settings).await?;
    if are_all_there(&mut connection).await? {
        return takes_roles(&mut connection).await.map(|()| Vec::new());
    }
    connection
        .batch_execute(&format!(
            "SET lock_timeout = 0; SET statement_timeout = 0; SELECT pg_advisory_lock({LOCK}); \
             SET lock_timeout = {}",
            LOCK_TIMEOUT.as_millis()
        ))
        .await?;
    // The lock goes with the connection, whatever happens.
    let mut harness: AsyncMigrationHarness<AsyncPgConnection> =
        AsyncMigrationHarness::new(connection);
    let mut versions = Vec::new();
    loop {
        // It blocks its thread, and the runtime may have no other.
        let step = spawn_blocking(move || {
            let step = step(&mut harness);
            (harness, step)
        });
        let (back, step) = step.await?;
        harness = back;
        match step? {
            Step::Run(version) => versions.push(version),
            Step::Held(migration) => {
                tracing::warn!(migration, "somebody holds a table; trying again");
                sleep(PAUSE).await;
            }
            Step::Nothing => break,
        }
    }
    if !versions.is_empty() {
        tracing::info!(versions = versions.join(" "), "the database is migrated");
    }
    Ok(versions)
}

/// What became of the next migration.
enum Step {
    /// It was run; its version.
    Run(String),
    /// Others were in its way; its name.
    Held(String),
    /// There is none.
    Nothing,
}

fn step(harness: &mut AsyncMigrationHarness<AsyncPgConnection>) -> Result<Step, Cause> {
    let pending = harness.pending_migrations(MIGRATIONS)?;
    let Some(next) = pending.into_iter().next() else {
        return Ok(Step::Nothing);
    };
    match harness.run_migration(&next) {
        Ok(version) => Ok(Step::Run(version.to_string())),
        Err(cause) if waited_too_long(cause.as_ref()) => Ok(Step::Held(next.name().to_string())),
        Err(cause) => Err(cause),
    }
}

/// Whether nothing is left to do. What this release does not know is of a newer one.
async fn are_all_there(connection: &mut AsyncPgConnection) -> Result<bool, Cause> {
    const LIST: &str = "SELECT to_regclass('public.__diesel_schema_migrations') IS NOT NULL AS is";
    const VERSIONS: &str = "SELECT version FROM public.__diesel_schema_migrations ORDER BY version";
    #[derive(QueryableByName)]
    struct There {
        #[diesel(sql_type = Bool)]
        is: bool,
    }
    #[derive(QueryableByName)]
    struct Run {
        #[diesel(sql_type = Text)]
        version: String,
    }
    let list: There = sql_query(LIST).get_result(connection).await?;
    if !list.is {
        return Ok(false);
    }
    let run: Vec<Run> = sql_query(VERSIONS).load(connection).await?;
    let ours = MigrationSource::<Pg>::migrations(&MIGRATIONS)?;
    let ours: BTreeSet<_> = ours
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect();
    let run: BTreeSet<_> = run.into_iter().map(|run| run.version).collect();
    let unknown: Vec<_> = run.difference(&ours).map(String::as_str).collect();
    if !unknown.is_empty() {
        let migrations = unknown.join(", ");
        tracing::warn!(
            migrations,
            "the database is of a newer release than this one"
        );
    }
    Ok(ours.is_subset(&run))
}

/// Fails where a database has come without the roles that its rows are granted to, as from
/// a dump: they are the server's.
async fn takes_roles(connection: &mut AsyncPgConnection) -> Result<(), Cause> {
    const MISSING: &str = "SELECT session_user::text AS login, string_agg(role, ', ') AS missing \
        FROM unnest(ARRAY['nvito_clients_tenant', 'nvito_clients_group', 'nvito_clients_platform']) AS role \
        WHERE NOT coalesce(pg_has_role(to_regrole(role)::oid, \
            CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END), false)";
    #[derive(QueryableByName)]
    struct Missing {
        #[diesel(sql_type = Text)]
        login: String,
        #[diesel(sql_type = Nullable<Text>)]
        missing: Option<String>,
    }
    let Missing { login, missing } = sql_query(MISSING).get_result(connection).await?;
    match missing {
        None => Ok(()),
        Some(missing) => Err(format!(
            "the role {login} may not take {missing}: have an administrator make and grant what is \
             missing, before a dump is restored (README, \"Behind DATABASE_URL\")"
        )
        .into()),
    }
}

fn waited_too_long(cause: &(dyn Error + 'static)) -> bool {
    let cause = causes(cause);
    [
        "canceling statement due to lock timeout",
        "deadlock detected",
    ]
    .iter()
    .any(|known| cause.contains(known))
}

/// Takes every migration back. For tests: nothing of the service goes backward. It
/// blocks its thread, so the runtime needs another.
#[doc(hidden)]
pub async fn revert(settings: &tokio_postgres::Config) -> Result<(), Cause> {
    let connection = connect(settings).await?;
    AsyncMigrationHarness::new(connection).revert_all_migrations(MIGRATIONS)?;
    Ok(())
}
