//! The connections to PostgreSQL.

use std::time::Duration;

use deadpool::{Runtime, Status};
use diesel::prelude::*;
use diesel_async::AsyncPgConnection;
use diesel_async::RunQueryDsl;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::connect::connect;
use super::idempotency::{self, FORGOTTEN_AT_ONCE};
use super::schema::clients;
use super::scope::Mode;
use super::transaction::Transaction;
use super::{Scope, error};
use crate::error::Result;

/// How long a call waits for a connection when all are busy.
const WAIT: Duration = Duration::from_millis(250);
/// How long a new connection may take.
const CREATE: Duration = Duration::from_secs(2);
/// How long handing out a used one may take.
const RECYCLE: Duration = Duration::from_secs(1);

/// A pool of connections and the writes under way on them.
#[derive(Clone)]
pub struct Database {
    pool: Pool<AsyncPgConnection>,
    /// Writes run to their end even when their caller hangs up.
    pub(super) writes: TaskTracker,
}

impl Database {
    /// A pool of at most `connections`; none is opened yet.
    #[allow(clippy::missing_panics_doc, reason = "the runtime is given")]
    pub fn new(settings: tokio_postgres::Config, connections: usize) -> Self {
        let mut manager = ManagerConfig::default();
        // Verified would ask the server before every use and cost a third of
        // the throughput; a dead connection shows itself at its first use.
        manager.recycling_method = RecyclingMethod::Fast;
        manager.custom_setup = Box::new(move |_| {
            let settings = settings.clone();
            Box::pin(async move { connect(&settings).await })
        });
        let manager = AsyncDieselConnectionManager::new_with_config("", manager);
        let pool = Pool::builder(manager)
            .max_size(connections)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(CREATE))
            .recycle_timeout(Some(RECYCLE))
            .runtime(Runtime::Tokio1)
            .build()
            .expect("the runtime that the timeouts need is given");
        Self {
            pool,
            writes: TaskTracker::new(),
        }
    }

    pub(super) async fn connection(&self) -> Result<Object<AsyncPgConnection>> {
        self.pool.get().await.map_err(error::pool)
    }

    /// How busy the connections are.
    pub fn pool_status(&self) -> Status {
        self.pool.status()
    }

    /// Looks for a client that is nobody's: only a database that works, with the
    /// schema and both roles in place, has an answer.
    pub async fn ping(&self) -> Result<()> {
        let mut transaction = Transaction::begin(self, Scope::platform(), Mode::Snapshot).await?;
        let asked = clients::table
            .find(Uuid::nil())
            .select(clients::id)
            .first::<Uuid>(&mut *transaction)
            .await
            .optional();
        transaction
            .finish(asked.map(drop).map_err(Into::into))
            .await
    }

    /// Forgets answers of request ids that are older than two days: a day is
    /// promised (api.md, decision 9).
    pub async fn forget_old_requests(&self) -> Result<()> {
        loop {
            let mut transaction = Transaction::begin(self, Scope::platform(), Mode::Write).await?;
            let outcome = idempotency::forget_old(&mut transaction).await;
            let forgotten = transaction.finish(outcome).await?;
            if i64::try_from(forgotten).is_ok_and(|rows| rows < FORGOTTEN_AT_ONCE) {
                return Ok(());
            }
        }
    }

    /// Closes every idle connection; the next calls open new ones.
    pub(super) fn forget_connections(&self) {
        self.pool.retain(|_, _| false);
    }

    /// Waits for the writes under way and closes the connections.
    pub async fn close(&self) {
        self.writes.close();
        self.writes.wait().await;
        self.pool.close();
    }
}
