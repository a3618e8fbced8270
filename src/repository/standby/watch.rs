//! Keeps what is known of one standby true.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_postgres::Config;
use tokio_postgres::config::Host;
use tokio_util::sync::CancellationToken;

use super::marks::{Marks, Place};
use super::{Current, Standby};
use crate::error::{Cause, causes};
use crate::repository::Database;
use crate::repository::connect::connect;
use crate::repository::pool::CREATE;

/// How often both servers are asked: a standby that keeps up is known to be
/// this much behind, or twice.
const TICK: Duration = Duration::from_millis(200);
/// How long an answer may take; a standby that takes longer is not read from.
const PATIENCE: Duration = Duration::from_secs(1);
/// When one that went away is tried again.
const AGAIN: Duration = Duration::from_secs(1);

const POSITION: &str = "SELECT pg_is_in_recovery() AS standby, \
    coalesce((CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() \
    ELSE pg_current_wal_insert_lsn() END - '0/0'::pg_lsn)::bigint, 0) AS place";

/// Which data it is: of another cluster or database the log means nothing.
const DATA: &str = "SELECT system_identifier AS cluster, (SELECT oid::bigint FROM pg_database \
    WHERE datname = current_database()) AS database FROM pg_control_system()";

/// Writes a few bytes of log that nobody waits for and that are flushed soon:
/// what a primary has in its buffers alone, as of a transaction that is open and
/// does nothing, no standby can have.
const NUDGE: &str = "SELECT pg_current_xact_id()";

#[derive(QueryableByName)]
struct Position {
    #[diesel(sql_type = Bool)]
    standby: bool,
    #[diesel(sql_type = BigInt)]
    place: Place,
}

#[derive(QueryableByName, PartialEq, Eq)]
struct Data {
    #[diesel(sql_type = BigInt)]
    cluster: i64,
    #[diesel(sql_type = BigInt)]
    database: i64,
}

/// What a primary answers, and a standby that was promoted.
#[derive(Debug, thiserror::Error)]
#[error("it is no standby (any more)")]
struct NoStandby;

/// Watches for ever: connects again whenever the standby went away.
pub(super) async fn watch(standby: &Standby) {
    let mut told = String::new();
    loop {
        let Err(cause) = session(standby).await;
        if standby.leave(cause.is::<NoStandby>()) {
            told.clear();
        }
        let cause = causes(cause.as_ref());
        // Once for each time that it goes away, however long that lasts.
        if cause != told {
            tracing::warn!(
                standby = standby.name,
                cause,
                "the standby is not read from"
            );
            told = cause;
        }
        sleep(AGAIN).await;
    }
}

/// One connection to the standby, and a pool beside it for as long as it lasts.
async fn session(standby: &Standby) -> Result<std::convert::Infallible, Cause> {
    let settings = pinned(&standby.settings).await?;
    let mut replica = connect(&settings).await?;
    let data = data(&mut replica).await?;
    let gone = CancellationToken::new();
    // However this ends, whoever reads there goes elsewhere.
    let _leaving = gone.clone().drop_guard();
    let mut current = Some(Current {
        database: Database::new(settings, standby.connections),
        gone,
    });
    let (mut marks, mut primary, mut nudged) = (Marks::default(), None, None);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let replayed = position(&mut replica).await?;
        if !replayed.standby {
            return Err(NoStandby.into());
        }
        standby.is_standby();
        marks.replayed(replayed.place);
        if let Some(fresh) = marks.fresh() {
            standby.is_fresh(fresh, current.take());
        }
        // Without a primary nothing new is known, and the bound grows.
        let connection = match primary.take() {
            Some(connection) => connection,
            None => match first(&standby.primary, &data).await? {
                Some(connection) => {
                    marks.forget_primary();
                    connection
                }
                None => continue,
            },
        };
        let noted = note(connection, &mut marks, &replayed, &mut nudged).await;
        primary = noted?;
    }
}

/// Notes how far the primary's log goes. `None` when it does not answer.
async fn note(
    mut primary: AsyncPgConnection,
    marks: &mut Marks,
    replayed: &Position,
    nudged: &mut Option<Place>,
) -> Result<Option<AsyncPgConnection>, Cause> {
    // Before the question: what is written after it may be missing.
    let at = Instant::now();
    let Ok(written) = position(&mut primary).await else {
        return Ok(None);
    };
    if written.standby {
        return Ok(None);
    }
    if replayed.place > written.place {
        return Err("it has what the primary has not: a history of its own".into());
    }
    let idle = marks.newest() == Some(written.place);
    marks.note(at, written.place);
    let behind = marks.fresh().is_none_or(|fresh| fresh.elapsed() > PATIENCE);
    // Once: a standby that does not follow then does not follow at all.
    if idle && behind && replayed.place < written.place && *nudged != Some(replayed.place) {
        *nudged = Some(replayed.place);
        let nudge = diesel::sql_query(NUDGE).execute(&mut primary);
        if !matches!(timeout(PATIENCE, nudge).await, Ok(Ok(_))) {
            return Ok(None);
        }
    }
    Ok(Some(primary))
}

/// A connection to the primary; `None` while there is none. Fails when it is
/// the primary of something else.
async fn first(settings: &Config, standby: &Data) -> Result<Option<AsyncPgConnection>, Cause> {
    let Ok(mut connection) = connect(settings).await else {
        return Ok(None);
    };
    match data(&mut connection).await {
        Ok(primary) if primary == *standby => Ok(Some(connection)),
        Ok(_) => Err("it is a standby of another database".into()),
        Err(_) => Ok(None),
    }
}

async fn position(connection: &mut AsyncPgConnection) -> Result<Position, Cause> {
    let asked = diesel::sql_query(POSITION).get_result(connection);
    Ok(timeout(PATIENCE, asked).await??)
}

async fn data(connection: &mut AsyncPgConnection) -> Result<Data, Cause> {
    let asked = diesel::sql_query(DATA).get_result(connection);
    Ok(timeout(PATIENCE, asked).await??)
}

/// The settings with one address for the name: all connections shall go to
/// the server that is watched, whatever else the name stands for.
async fn pinned(settings: &Config) -> Result<Config, Cause> {
    let mut pinned = settings.clone();
    if let ([Host::Tcp(name)], []) = (settings.get_hosts(), settings.get_hostaddrs()) {
        let port = settings.get_ports().first().copied().unwrap_or(5432);
        let found = timeout(CREATE, tokio::net::lookup_host((name.as_str(), port))).await??;
        for address in found {
            let mut one = settings.clone();
            one.hostaddr(address.ip());
            if connect(&one).await.is_ok() {
                return Ok(one);
            }
            pinned = one;
        }
    }
    Ok(pinned)
}
