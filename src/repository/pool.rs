//! The connections to PostgreSQL.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{self, Duration};

use deadpool::Runtime;
use deadpool::managed::{HookError, Metrics};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::pooled_connection::deadpool::{Hook, Object, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::connect::{self, cancel, connect};
use super::gather::{Gather, Reads};
use super::group::{Change, Creation, Writes};
use super::idempotency::{self, FORGOTTEN_AT_ONCE};
use super::list::Counted;
use super::schema::clients;
use super::scope::Mode;
use super::share::{Shares, Turn, Whose};
use super::transaction::Transaction;
use super::{Scope, error};
use crate::domain::client::Client;
use crate::domain::event::LinkedEvent;
use crate::error::{Error, Reason, Result};

/// How long a call waits inside the pool; the turns of [`Shares`] leave no
/// reason to wait there.
const WAIT: Duration = Duration::from_millis(250);
/// How long a new connection may take.
pub(super) const CREATE: Duration = Duration::from_secs(2);
/// How long handing out a used one may take.
const RECYCLE: Duration = Duration::from_secs(1);
/// How long a connection is used: by then a name may stand for another server,
/// and PostgreSQL's own process has gathered what it cached.
const AGE: Duration = Duration::from_mins(30);
/// How long what a caller left may take to end, before its connection goes.
const ABANDONED: Duration = Duration::from_secs(2);
/// What an errand of the service's own may take.
const ERRAND: Duration = Duration::from_secs(30);

/// A pool of connections and the work under way on them.
#[derive(Clone)]
pub struct Database {
    pool: Pool<AsyncPgConnection>,
    pub(super) shares: Shares,
    settings: Arc<tokio_postgres::Config>,
    /// Connections from before are not used again
    /// ([`forget_connections`](Self::forget_connections)).
    since: Arc<Mutex<time::Instant>>,
    /// Work that outlives its caller: writes run to their end, and what a
    /// caller of a read left behind is cleared away.
    pub(super) tasks: TaskTracker,
    /// Reads by key, of several callers in one statement.
    pub(super) clients: Gather<Reads<Client>>,
    pub(super) events: Gather<Reads<LinkedEvent>>,
    /// Writes, of several callers in one transaction.
    pub(super) creations: Gather<Writes<Creation>>,
    pub(super) changes: Gather<Writes<Change>>,
    /// What searches have counted, as long as it holds.
    pub(super) counted: Counted,
    /// Told of each write, as most leave something to sort in
    /// ([`keep_sorted`](Self::keep_sorted)).
    pub(super) written: Arc<Notify>,
}

/// A connection for single statements. Dropped before it is given back, what
/// runs on it is cancelled.
pub(super) struct Loan {
    /// `None` once it is given back.
    held: Option<Held>,
    database: Database,
}

impl Loan {
    pub(super) fn connection(&self) -> &AsyncPgConnection {
        &self.held.as_ref().expect("not given back").connection
    }

    /// Back to the pool after a statement that was answered; closed where its
    /// answer was that the connection is gone.
    pub(super) fn give_back<T>(mut self, answer: &Result<T>) {
        let Some(held) = self.held.take() else { return };
        let reason = answer.as_ref().err().map(Error::reason);
        if reason == Some(Reason::DatabaseUnavailable) {
            held.discard();
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            self.database.abandon(held);
        }
    }
}

/// A connection and the turn to use it.
pub(super) struct Held {
    pub(super) connection: Object<AsyncPgConnection>,
    turn: Turn,
}

impl Held {
    /// Closes the connection instead of handing it out again.
    pub(super) fn discard(self) {
        drop(self.take());
    }

    /// The connection, which the pool replaces by a new one.
    pub(super) fn take(self) -> AsyncPgConnection {
        let Self { connection, turn } = self;
        drop(turn);
        Object::take(connection)
    }
}

/// How the connections stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStatus {
    /// Most there may be.
    pub most: usize,
    /// Open ones.
    pub open: usize,
    /// Open ones that nobody uses.
    pub idle: usize,
    /// Calls that wait for one.
    pub waiting: usize,
}

impl Database {
    /// A pool of at most `connections`; none is opened yet.
    pub fn new(settings: tokio_postgres::Config, connections: usize) -> Self {
        Self::aging(settings, connections, AGE)
    }

    /// As [`new`](Self::new), with connections that are used for `age`, give
    /// or take a fifth: opened together, they should not all go at once.
    #[allow(clippy::missing_panics_doc, reason = "the runtime is given")]
    pub fn aging(settings: tokio_postgres::Config, connections: usize, age: Duration) -> Self {
        let settings = Arc::new(settings);
        let mut manager = ManagerConfig::default();
        // Verified would ask the server before every use and cost a third of
        // the throughput; a dead connection shows itself at its first use.
        manager.recycling_method = RecyclingMethod::Fast;
        let connect_to = settings.clone();
        manager.custom_setup = Box::new(move |_| {
            let settings = connect_to.clone();
            Box::pin(async move { connect(&settings).await })
        });
        let manager = AsyncDieselConnectionManager::new_with_config("", manager);
        let born = time::Instant::now();
        let since = Arc::new(Mutex::new(born));
        let not_before = since.clone();
        let usable = Hook::sync_fn(move |_: &mut AsyncPgConnection, metrics: &Metrics| {
            let offset = metrics.created.saturating_duration_since(born);
            if metrics.age() >= jittered(age, offset) {
                Err(HookError::message("it is old"))
            } else if metrics.created < *lock(&not_before) {
                Err(HookError::message("it is forgotten"))
            } else {
                Ok(())
            }
        });
        let pool = Pool::builder(manager)
            .max_size(connections)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(CREATE))
            .recycle_timeout(Some(RECYCLE))
            .pre_recycle(usable)
            .runtime(Runtime::Tokio1)
            .build()
            .expect("the runtime that the timeouts need is given");
        Self {
            pool,
            shares: Shares::new(connections),
            settings,
            since,
            tasks: TaskTracker::new(),
            clients: Gather::default(),
            events: Gather::default(),
            creations: Gather::default(),
            changes: Gather::default(),
            counted: Counted::default(),
            written: Arc::default(),
        }
    }

    /// A connection when it is their turn.
    pub(super) async fn hold(&self, whose: Whose, mode: Mode) -> Result<Held> {
        let turn = self.shares.turn(whose, mode).await?;
        self.connect(turn).await
    }

    /// The connection that a turn is for.
    pub(super) async fn connect(&self, turn: Turn) -> Result<Held> {
        let connection = self.pool.get().await.map_err(error::pool)?;
        Ok(Held { connection, turn })
    }

    /// A connection for single statements of nobody in particular.
    pub(super) async fn borrow(&self) -> Result<Loan> {
        Ok(Loan {
            held: Some(self.hold(Whose::Everybody, Mode::Snapshot).await?),
            database: self.clone(),
        })
    }

    /// Ends what a caller left in the middle: the statement is cancelled, the
    /// transaction rolled back, and only then may the next one have the
    /// connection. One that does not answer is closed.
    pub(super) fn abandon(&self, mut held: Held) {
        // Without a runtime everything ends anyway.
        if tokio::runtime::Handle::try_current().is_err() {
            return held.discard();
        }
        let settings = self.settings.clone();
        self.tasks.spawn(async move {
            let ended = timeout(ABANDONED, async {
                // Its answer comes when PostgreSQL has passed it on, so it
                // cannot hit what runs on the connection later.
                cancel(&settings, held.connection.cancel_token())
                    .await
                    .ok()?;
                held.connection.batch_execute("ROLLBACK").await.ok()
            });
            if !matches!(ended.await, Ok(Some(()))) {
                held.discard();
            }
        });
    }

    /// How the connections stand now.
    pub fn pool_status(&self) -> PoolStatus {
        let status = self.pool.status();
        PoolStatus {
            most: status.max_size,
            open: status.size,
            idle: status.available,
            waiting: self.shares.waiting() + status.waiting,
        }
    }

    /// Looks for a client that is nobody's: only a database that works, with the
    /// schema and the platform's role in place, has an answer.
    pub async fn ping(&self) -> Result<()> {
        let transaction = self.errand(Mode::Snapshot).await?;
        let asked = clients::table
            .find(Uuid::nil())
            .select(clients::id)
            .first::<Uuid>(&mut transaction.connection())
            .await
            .optional();
        transaction
            .finish(asked.map(drop).map_err(Into::into))
            .await
    }

    /// Warns where a forgotten SET ROLE would see rows: the login role is to have no rights
    /// but those it takes (README "Behind `DATABASE_URL`").
    pub async fn check_role(&self) -> Result<()> {
        // USAGE is to have what a role has without taking it: before PostgreSQL 16 as the
        // login role is made, since then as each grant is.
        const BARE: &str = "SELECT rolsuper OR rolbypassrls \
            OR pg_has_role(session_user, 'nvito_clients_tenant', 'USAGE') \
            OR pg_has_role(session_user, 'nvito_clients_group', 'USAGE') \
            OR pg_has_role(session_user, 'nvito_clients_platform', 'USAGE') AS sees \
            FROM pg_roles WHERE rolname = session_user";
        #[derive(QueryableByName)]
        struct Login {
            #[diesel(sql_type = Bool)]
            sees: bool,
        }
        let transaction = self.errand(Mode::Snapshot).await?;
        let login = diesel::sql_query(BARE)
            .get_result::<Login>(&mut transaction.connection())
            .await;
        let login = transaction.finish(login.map_err(Into::into)).await?;
        if login.sees {
            tracing::warn!(
                "the login role sees rows without taking a role: make it NOINHERIT, without \
                 SUPERUSER and BYPASSRLS, and from PostgreSQL 16 on REVOKE INHERIT OPTION FOR \
                 the roles that it may take"
            );
        }
        Ok(())
    }

    /// Where it is, as it was written.
    pub fn name(&self) -> String {
        connect::name(&self.settings)
    }

    /// Forgets answers of request ids that are older than two days: a day is
    /// promised (api.md, decision 9).
    pub async fn forget_old_requests(&self) -> Result<()> {
        loop {
            let transaction = self.errand(Mode::Write).await?;
            let outcome = idempotency::forget_old(&transaction).await;
            let forgotten = transaction.finish(outcome).await?;
            if i64::try_from(forgotten).is_ok_and(|rows| rows < FORGOTTEN_AT_ONCE) {
                return Ok(());
            }
        }
    }

    /// A transaction for an errand of the service's own, over all organizations.
    pub(super) async fn errand(&self, mode: Mode) -> Result<Transaction> {
        self.errand_within(mode, ERRAND).await
    }

    /// The same for one that may take no more than `most`.
    pub(super) async fn errand_within(&self, mode: Mode, most: Duration) -> Result<Transaction> {
        let deadline = Instant::now() + most;
        // No Super Admin's: whether the service works is not for their flood to say.
        let turn = self.shares.turn(Whose::Everybody, mode).await?;
        let transaction = Transaction::by(turn, self, Scope::platform(), mode, deadline).await?;
        transaction.open().await?;
        Ok(transaction)
    }

    /// Closes every idle connection, and uses those under way for nothing after that; the
    /// next calls open new ones.
    pub(super) fn forget_connections(&self) {
        *lock(&self.since) = time::Instant::now();
        self.pool.retain(|_, _| false);
    }

    /// Waits for the work under way and closes the connections.
    pub async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.pool.close();
    }
}

fn lock(since: &Mutex<time::Instant>) -> MutexGuard<'_, time::Instant> {
    since.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `age` less or more by up to a fifth, always the same for a connection that
/// was made at `offset`.
fn jittered(age: Duration, offset: Duration) -> Duration {
    // Multiplied by a large odd number, neighbours end far apart (Knuth).
    let spread = (offset.subsec_nanos() ^ 0x5bd1_e995).wrapping_mul(2_654_435_761);
    age.mul_f64(0.8 + 0.4 * f64::from(spread) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_differ_by_a_fifth_at_most() {
        let age = Duration::from_secs(1000);
        let ages: Vec<_> = (0..1000)
            .map(|connection| jittered(age, Duration::from_micros(connection)))
            .collect();
        let (least, most) = (ages.iter().min(), ages.iter().max());
        assert!(least > Some(&Duration::from_secs(799)), "{least:?}");
        assert!(least < Some(&Duration::from_secs(810)), "{least:?}");
        assert!(most > Some(&Duration::from_secs(1190)), "{most:?}");
        assert!(most < Some(&Duration::from_secs(1201)), "{most:?}");
    }
}
