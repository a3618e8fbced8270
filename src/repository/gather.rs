//! Point reads of many callers in one statement.
//!
//! While a statement is on its way, what is asked for meanwhile waits and goes
//! with one of the next: no timer, so a single caller is served at once, and under
//! load a round trip is shared by half of those there are: while PostgreSQL works
//! for them, the others get their answers and ask again. One statement at a time
//! serves more than two side by side would; only while it is slow, another lane
//! serves those who wait. Organizations take turns, so who asks for little is
//! served soon beside who floods.
//!
//! A statement reads for callers of several tenants, so it cannot take the role
//! of one. Each key names its organization, the function in SQL looks for both
//! (migration 0015), and what it answers is compared with the key once more
//! before anybody gets it: [`Point::belongs`].

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout_at};

use super::Database;
use super::scope::Mode;
use super::share::{Tenant, overloaded};
use crate::error::{Cause, Error, Reason, Result};

/// Statements under way at once, each on a connection of its own.
const LANES: usize = 2;
/// When a statement is slow.
const SLOW: Duration = Duration::from_millis(20);
/// Keys of one statement, but for one caller who asks for more by itself.
const KEYS_MOST: usize = 128;
/// How long a statement may take, whatever its callers would wait: longer than
/// it waits for a lock, and no longer.
const STATEMENT: Duration = Duration::from_secs(3);

/// Something that is read by its key.
pub(super) trait Point: Send + Sized + 'static {
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

/// Callers of a [`Point`] who share their round trips.
pub(super) struct Gather<P: Point>(Arc<Mutex<State<P>>>);

struct State<P: Point> {
    /// Who waits, by tenant; nobody else takes up room.
    waiting: HashMap<Tenant, VecDeque<Asked<P>>>,
    /// The tenants that wait, whoever is next first.
    turns: VecDeque<Tenant>,
    /// The open lanes by their numbers, and since when each is at its statement.
    lanes: HashMap<u64, Instant>,
    /// The number of the next lane.
    number: u64,
}

/// One caller's keys, and where the answer goes.
struct Asked<P: Point> {
    keys: Vec<P::Key>,
    deadline: Instant,
    reply: oneshot::Sender<Result<Vec<Option<P>>>>,
}

/// Calls, and what their statement has found by the place of its keys.
type Served<P> = (Vec<Asked<P>>, Result<Vec<(usize, P)>>);

impl<P: Point> Clone for Gather<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P: Point> Default for Gather<P> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State {
            waiting: HashMap::new(),
            turns: VecDeque::new(),
            lanes: HashMap::new(),
            number: 0,
        })))
    }
}

impl<P: Point> Gather<P> {
    /// What the keys stand for, in their order; `None` for what is not there.
    /// `SERVER_OVERLOADED` where as many calls of the tenant wait already as may
    /// wait for a turn ([`Shares::room`](super::share::Shares::room)).
    ///
    /// Dropped, it is asked for no more; a statement that nobody waits for is
    /// cancelled.
    pub(super) async fn get(
        &self,
        database: &Database,
        tenant: Tenant,
        keys: Vec<P::Key>,
        deadline: Instant,
    ) -> Result<Vec<Option<P>>> {
        let (reply, answer) = oneshot::channel();
        let asked = Asked {
            keys,
            deadline,
            reply,
        };
        let opened = {
            let mut state = self.state();
            if state.count(tenant) >= database.shares.room(Mode::Snapshot) {
                return Err(overloaded("too many reads of the organization wait"));
            }
            state.push(tenant, asked);
            state.open()
        };
        self.run(opened, database);
        // Without an answer its lane has panicked.
        answer.await.map_err(Error::internal)?
    }

    /// Sets a lane to work that was opened.
    fn run(&self, opened: Option<u64>, database: &Database) {
        if let Some(number) = opened {
            let lane = Lane {
                gather: self.clone(),
                database: database.clone(),
                number,
            };
            database.tasks.spawn(lane.run());
        }
    }

    fn state(&self) -> MutexGuard<'_, State<P>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Point> State<P> {
    /// Opens a lane for those who wait, unless others will be there soon or there
    /// may be no more of them.
    fn open(&mut self) -> Option<u64> {
        let slow = self.lanes.values().all(|since| since.elapsed() >= SLOW);
        if self.waiting.is_empty() || !slow || self.lanes.len() == LANES {
            return None;
        }
        self.number += 1;
        self.lanes.insert(self.number, Instant::now());
        Some(self.number)
    }

    /// What a lane does next after a statement for so many calls. It is closed when
    /// that is nothing, in the same moment: who comes now opens another.
    fn next_of(&mut self, lane: u64, before: usize) -> Vec<Asked<P>> {
        let mut others = self.lanes.iter().filter(|(number, _)| **number != lane);
        let is_needed = others.all(|(_, since)| since.elapsed() >= SLOW);
        let next = if is_needed {
            self.next(self.half(before))
        } else {
            Vec::new()
        };
        if next.is_empty() {
            self.lanes.remove(&lane);
        } else {
            self.lanes.insert(lane, Instant::now());
        }
        next
    }

    /// How many calls of the tenant wait; whoever hung up does not.
    fn count(&mut self, tenant: Tenant) -> usize {
        self.waiting.get_mut(&tenant).map_or(0, |queue| {
            queue.retain(|asked| !asked.reply.is_closed());
            queue.len()
        })
    }

    fn push(&mut self, tenant: Tenant, asked: Asked<P>) {
        let queue = self.waiting.entry(tenant).or_insert_with(|| {
            self.turns.push_back(tenant);
            VecDeque::new()
        });
        queue.push_back(asked);
    }

    /// How many calls go with the next statement: half of those who wait and those
    /// who went `before`, as they are about to ask again. Were it all who wait, there
    /// would be few when it is done, and while these are served the rest would gather
    /// again: PostgreSQL and the service in turns, each idle while the other works.
    /// The price: of a burst half waits for a second statement. Beside a lane that is
    /// slow nobody is left behind.
    fn half(&self, before: usize) -> usize {
        if self.lanes.len() > 1 {
            return usize::MAX;
        }
        let waiting: usize = self.waiting.values().map(VecDeque::len).sum();
        (waiting + before).div_ceil(2)
    }

    /// One call of each tenant in turn, `most` of them and as many as go into one
    /// statement. Whoever hung up or is late is not among them.
    fn next(&mut self, most: usize) -> Vec<Asked<P>> {
        let (mut next, mut keys) = (Vec::new(), 0);
        while next.len() < most {
            let Some(tenant) = self.turns.pop_front() else {
                break;
            };
            let Some(queue) = self.waiting.get_mut(&tenant) else {
                continue;
            };
            let more = queue.front().map_or(0, |asked| asked.keys.len());
            if keys + more > KEYS_MOST && !next.is_empty() {
                self.turns.push_front(tenant);
                break;
            }
            let asked = queue.pop_front();
            if queue.is_empty() {
                self.waiting.remove(&tenant);
            } else {
                self.turns.push_back(tenant);
            }
            match asked {
                Some(asked) if asked.reply.is_closed() => {}
                Some(asked) if asked.deadline <= Instant::now() => fail(vec![asked], late()),
                Some(asked) => {
                    keys += more;
                    next.push(asked);
                }
                None => {}
            }
        }
        next
    }
}

/// One statement after the other, until nobody waits.
struct Lane<P: Point> {
    gather: Gather<P>,
    database: Database,
    /// Its number in [`State::lanes`].
    number: u64,
}

impl<P: Point> Lane<P> {
    async fn run(self) {
        // Calls that are ready as well, as they came in one packet, come along.
        yield_now().await;
        // Those whose statement is done. They hear of it once the next one is on its way:
        // PostgreSQL has work while their answers are made.
        let mut served: Option<Served<P>> = None;
        loop {
            let before = served.as_ref().map_or(0, |(asked, _)| asked.len());
            let mut asked = self.gather.state().next_of(self.number, before);
            if asked.is_empty() {
                answer(served.take());
                return;
            }
            let keys = asked.iter().flat_map(|asked| asked.keys.clone()).collect();
            let patience = asked.iter().map(|asked| asked.deadline).max();
            let found = tokio::select! {
                biased;
                found = read(&self.database, keys, patience) => Some(found),
                () = gone(&mut asked) => None,
                never = self.meanwhile(&mut served) => match never {},
            };
            answer(served.take());
            served = found.map(|found| (asked, found));
        }
    }

    /// While a statement is on its way: those of the one before get their answers. Once it
    /// is slow, another lane is for those who wait by then; who comes later opens it.
    async fn meanwhile(&self, served: &mut Option<Served<P>>) -> Infallible {
        answer(served.take());
        sleep(SLOW).await;
        let opened = self.gather.state().open();
        self.gather.run(opened, &self.database);
        pending().await
    }
}

impl<P: Point> Drop for Lane<P> {
    /// After a panic: nobody is to wait for a lane that is not there.
    fn drop(&mut self) {
        let mut state = self.gather.state();
        if state.lanes.remove(&self.number).is_some() && state.lanes.is_empty() {
            state.waiting.clear();
            state.turns.clear();
        }
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
        Err(_) => Err(late()),
    }
}

fn late() -> Error {
    Error::System {
        reason: Reason::DeadlineExceeded,
        cause: "a read by key took too long".into(),
    }
}

/// Gives each caller what is theirs.
fn answer<P: Point>(served: Option<Served<P>>) {
    let Some((asked, found)) = served else { return };
    let found = match found {
        Ok(found) => found,
        Err(error) => return fail(asked, error),
    };
    let total = asked.iter().map(|asked| asked.keys.len()).sum();
    let mut places: Vec<Option<P>> = (0..total).map(|_| None).collect();
    for (place, point) in found {
        if let Some(free) = places.get_mut(place) {
            *free = Some(point);
        }
    }
    let mut places = places.into_iter();
    for Asked { keys, reply, .. } in asked {
        let points = places.by_ref().take(keys.len()).zip(&keys);
        let points = points.map(|(point, key)| point.filter(|point| point.belongs(key)));
        // Whoever hung up meanwhile wants nothing.
        let _ = reply.send(Ok(points.collect()));
    }
}

/// Tells all of them why there is nothing.
fn fail<P: Point>(asked: Vec<Asked<P>>, error: Error) {
    let reason = error.reason();
    let cause = Arc::new(error);
    for Asked { reply, .. } in asked {
        let cause = Cause::from(Shared(cause.clone()));
        let _ = reply.send(Err(Error::System { reason, cause }));
    }
}

/// Done when all of them have hung up.
async fn gone<P: Point>(asked: &mut [Asked<P>]) {
    for asked in asked {
        asked.reply.closed().await;
    }
}

/// A failure that several callers share.
#[derive(Debug, Clone, thiserror::Error)]
#[error("a statement of several callers failed")]
struct Shared(#[source] Arc<Error>);

#[cfg(test)]
mod tests;
