//! Standbys that reads may go to, and how far each is behind.
//!
//! A standby is a [`Database`] like the primary, behind the same two walls; it
//! is handed out only together with a bound that holds (see [`marks`]).

mod marks;
mod watch;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_postgres::Config;
use tokio_util::sync::CancellationToken;

use super::Database;
use super::connect::name;

/// Where everything is, and where copies of it are.
#[derive(Clone)]
pub struct Databases {
    /// Takes the writes, and the reads that must be new.
    pub primary: Database,
    /// May take reads that need not be.
    pub standbys: Standbys,
}

impl From<Database> for Databases {
    /// Without standbys.
    fn from(primary: Database) -> Self {
        Self {
            primary,
            standbys: Standbys::default(),
        }
    }
}

/// The standbys of one primary.
#[derive(Clone, Default)]
pub struct Standbys(Arc<All>);

#[derive(Default)]
struct All {
    standbys: Vec<Arc<Standby>>,
    /// Whose turn is next.
    next: AtomicUsize,
}

struct Standby {
    name: String,
    settings: Config,
    primary: Config,
    connections: usize,
    known: Mutex<Known>,
}

/// What is known of a standby.
struct Known {
    /// All that the primary had acknowledged by then is there; of one that is
    /// away: was there.
    fresh: Instant,
    /// It answers that it is no standby: it was promoted, or is the one primary.
    is_primary: bool,
    /// `None` while it is away, or not known to hold anything yet.
    current: Option<Current>,
}

/// The connections to a standby that is there.
#[derive(Clone)]
struct Current {
    database: Database,
    gone: CancellationToken,
}

/// A standby that is new enough.
pub struct Replica {
    /// To read from.
    pub database: Database,
    /// Nothing that was acknowledged longer ago is missing there.
    pub staleness: Duration,
    gone: CancellationToken,
}

impl Replica {
    /// Done when the standby went away; what runs there will not end.
    pub async fn gone(&self) {
        self.gone.cancelled().await;
    }
}

impl Standbys {
    /// The standbys of `primary` at each of `hosts`, with so many connections
    /// to each. None is read from before [`watch`](Self::watch) knows it.
    pub fn new(primary: &Config, hosts: &[Config], connections: usize) -> Self {
        let standby = |settings: &Config| {
            Arc::new(Standby {
                name: name(settings),
                settings: settings.clone(),
                primary: primary.clone(),
                connections,
                known: Mutex::new(Known {
                    fresh: Instant::now(),
                    is_primary: false,
                    current: None,
                }),
            })
        };
        Self(Arc::new(All {
            standbys: hosts.iter().map(standby).collect(),
            next: AtomicUsize::new(0),
        }))
    }

    /// One that lacks nothing that was acknowledged `most` ago, if there is
    /// one; of several each in its turn.
    pub fn within(&self, most: Duration) -> Option<Replica> {
        let standbys = &self.0.standbys;
        let turn = self.0.next.fetch_add(1, Ordering::Relaxed);
        (0..standbys.len())
            .filter_map(|further| standbys.get(turn.wrapping_add(further) % standbys.len()))
            .find_map(|standby| standby.within(most))
    }

    /// Whether there are any, however they are.
    pub fn exist(&self) -> bool {
        !self.0.standbys.is_empty()
    }

    /// How far each is behind at most; of one that is away, how far it would be.
    /// Without those that say that they are no standbys.
    pub fn staleness(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.0.standbys.iter().filter_map(|standby| {
            let known = standby.known();
            (!known.is_primary).then(|| (standby.name.as_str(), known.fresh.elapsed()))
        })
    }

    /// Keeps what is known of them true; never ends.
    pub async fn watch(&self) {
        let mut watches = JoinSet::new();
        for standby in &self.0.standbys {
            let standby = Arc::clone(standby);
            watches.spawn(async move { watch::watch(&standby).await });
        }
        watches.join_all().await;
        std::future::pending::<()>().await;
    }
}

impl Standby {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn within(&self, most: Duration) -> Option<Replica> {
        let known = self.known();
        let staleness = known.fresh.elapsed();
        let current = known.current.as_ref()?;
        if staleness > most || current.gone.is_cancelled() {
            return None;
        }
        Some(Replica {
            database: current.database.clone(),
            staleness,
            gone: current.gone.clone(),
        })
    }

    /// All that was acknowledged by `fresh` is there; `arrived` when this is
    /// the first that is known of it.
    fn is_fresh(&self, fresh: Instant, arrived: Option<Current>) {
        let mut known = self.known();
        known.fresh = fresh;
        if let Some(current) = arrived {
            tracing::info!(standby = self.name, "the standby may be read from");
            known.current = Some(current);
        }
    }

    /// It answers that it is one.
    fn is_standby(&self) {
        self.known().is_primary = false;
    }

    /// It is away, or `is_primary`; whether it was read from until now.
    fn leave(&self, is_primary: bool) -> bool {
        let mut known = self.known();
        known.is_primary = is_primary;
        known.current.take().is_some()
    }
}
