//! What the tests stand on: a PostgreSQL for the run, a database and a server
//! for each test, actors that call it, and failures made readable.

mod actor;
mod app;
mod cluster;
mod failure;
mod issuer;
mod papers;
mod process;
mod raw;
mod service;
mod told;

pub(crate) use actor::{Actor, client};
pub(crate) use app::{App, CONNECTIONS, Org, SHARE};
pub(crate) use cluster::{Cluster, connect};
pub(crate) use failure::Failure;
pub(crate) use issuer::{AUDIENCE, ISSUER, Issuer, Key, Says, sign};
pub(crate) use papers::{Authority, Papers, knock};
pub(crate) use process::Process;
pub(crate) use raw::Bytes;
pub(crate) use service::{Folder, Service};
pub(crate) use told::{Change, assert_told, assert_whole, changes, kinds};

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use uuid::Uuid;

/// What other tests may take of the machine's time while one measures its own.
/// The long forms, which have the machine to themselves, allow nothing more.
pub(crate) const BUSY: Duration = Duration::from_secs(1);

/// A UUID nobody has.
pub(crate) fn nobody() -> String {
    Uuid::now_v7().to_string()
}

/// What calls answer that are made all at once, in no order.
pub(crate) async fn at_once<C>(calls: impl IntoIterator<Item = C>) -> Vec<C::Output>
where
    C: Future<Output: Send + 'static> + Send + 'static,
{
    calls.into_iter().collect::<JoinSet<_>>().join_all().await
}

/// Waits until something that is bound to happen has happened.
pub(crate) async fn until(happened: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !happened().await {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "it never happens"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What a call answers once there is room for it: one that is turned away with
/// `SERVER_OVERLOADED` is to be made again.
pub(crate) async fn patiently<T, C>(call: impl Fn() -> C) -> Result<T, Failure>
where
    C: Future<Output = Result<T, Failure>>,
{
    loop {
        match call().await {
            Err(failure) if failure.reason == "SERVER_OVERLOADED" => {
                assert!(failure.details.retry_info().is_some(), "{failure:?}");
            }
            answer => return answer,
        }
    }
}
