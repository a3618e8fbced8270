//! Point reads of many callers in one statement.
//!
//! A statement reads for callers of several tenants, so it cannot take the role
//! of one. Each key names its organization, the function in SQL looks for both
//! (migration 0015), and what it answers is compared with the key once more
//! before anybody gets it: [`Point::belongs`].

use std::marker::PhantomData;
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use tokio::time::{Instant, timeout_at};

use super::{Asked, Replies, Together, for_each, late};
use crate::error::{Error, Result};
use crate::repository::Database;
use crate::repository::scope::Mode;

/// How long a statement may take, whatever its callers would wait: longer than
/// it waits for a lock, and no longer.
const STATEMENT: Duration = Duration::from_secs(3);

/// Something that is read by its key.
pub(in crate::repository) trait Point: Send + Sized + 'static {
    /// What it is asked for by; names the organization.
    type Key: Clone + Send + Sync + 'static;

    /// Reads what there is, each with the place of its key.
    fn read(
        connection: &AsyncPgConnection,
        keys: &[Self::Key],
    ) -> impl Future<Output = Result<Vec<(usize, Self)>>> + Send;

    /// Whether it is what `key` asks for: of its organization above all.
    fn belongs(&self, key: &Self::Key) -> bool;
}

/// Reads by key: what the keys stand for, in their order; `None` for what is not
/// there. A statement that nobody waits for any more is cancelled.
pub(in crate::repository) struct Reads<P>(PhantomData<P>);

impl<P: Point> Together for Reads<P> {
    type Ask = Vec<P::Key>;
    type Answer = Vec<Option<P>>;

    const MODE: Mode = Mode::Snapshot;
    /// One serves more than two side by side would.
    const ABREAST: usize = 1;
    const MOST: usize = 128;

    fn size(keys: &Vec<P::Key>) -> usize {
        keys.len()
    }

    async fn serve(database: &Database, mut asked: Vec<Asked<Self>>) -> Replies<Vec<Option<P>>> {
        let keys = asked.iter().flat_map(|asked| asked.ask.clone()).collect();
        let patience = asked.iter().map(|asked| asked.deadline).max();
        let found = tokio::select! {
            biased;
            found = read(database, keys, patience) => found,
            () = gone(&mut asked) => return Vec::new(),
        };
        replies(asked, found)
    }
}

/// One statement for all keys: what it found, by the place of its key.
async fn read<P: Point>(
    database: &Database,
    keys: Vec<P::Key>,
    patience: Option<Instant>,
) -> Result<Vec<(usize, P)>> {
    let limit = Instant::now() + STATEMENT;
    let limit = patience.map_or(limit, |patience| patience.min(limit));
    let held = database.borrow().await?;
    match timeout_at(limit, P::read(held.connection(), &keys)).await {
        Ok(found) => {
            held.give_back(&found);
            found
        }
        Err(_) => Err(late("a read by key took too long")),
    }
}

/// What of it is whose.
pub(super) fn replies<P: Point>(
    asked: Vec<Asked<Reads<P>>>,
    found: Result<Vec<(usize, P)>>,
) -> Replies<Vec<Option<P>>> {
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            let reason = error.reason();
            let cause = for_each(error);
            let failed = |asked: Asked<Reads<P>>| {
                let cause = cause();
                (asked.reply, Err(Error::System { reason, cause }))
            };
            return asked.into_iter().map(failed).collect();
        }
    };
    let total = asked.iter().map(|asked| asked.ask.len()).sum();
    let mut places: Vec<Option<P>> = (0..total).map(|_| None).collect();
    for (place, point) in found {
        if let Some(free) = places.get_mut(place) {
            *free = Some(point);
        }
    }
    let mut places = places.into_iter();
    let theirs = |Asked { ask, reply, .. }: Asked<Reads<P>>| {
        let points = places.by_ref().take(ask.len()).zip(&ask);
        let points = points.map(|(point, key)| point.filter(|point| point.belongs(key)));
        let points = points.collect();
        (reply, Ok(points))
    };
    asked.into_iter().map(theirs).collect()
}

/// Done when all of them have hung up.
async fn gone<P: Point>(asked: &mut [Asked<Reads<P>>]) {
    for asked in asked {
        asked.reply.closed().await;
    }
}
