//! What many callers ask for at the same time, done together.
//!
//! While a round is on its way, who comes meanwhile waits and goes with one of the
//! next: no timer, so a single caller is served at once. Where one round is under way at a
//! time, half of those there are share it: while PostgreSQL works for them, the others get
//! their answers and ask again. Where there are two, all who wait share one: it is the
//! other that keeps PostgreSQL at work. There are as many rounds at a time as serve most;
//! only while one is slow, another lane serves those who wait.
//! Organizations take turns, so who asks for little is served soon beside who floods; and
//! while others are about, one has no more calls in a round than it may have seats
//! ([`super::share`]).
//!
//! A round is a statement that reads by key ([`read`]), or a transaction that writes
//! ([`super::group`]).

mod read;

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

pub(super) use read::{Point, Reads};

use super::Database;
use super::scope::Mode;
use super::share::{Shares, Tenant, overloaded};
use crate::error::{Cause, Error, Reason, Result};

/// When a round is slow.
pub(super) const SLOW: Duration = Duration::from_millis(20);

/// What is done for several callers at once.
pub(super) trait Together: Sized + 'static {
    /// What one caller asks for.
    type Ask: Send;
    /// What they get.
    type Answer: Send;

    /// What it is, by which is known how many of a tenant's calls may wait for it.
    const MODE: Mode;
    /// How many rounds are under way at once, each on a connection of its own; one more
    /// while one of them is slow.
    const ABREAST: usize;
    /// How much goes into one round, but for one caller who asks for more alone.
    const MOST: usize;

    /// How much of it one caller takes.
    fn size(ask: &Self::Ask) -> usize;

    /// Does what they ask for. Who is not answered yet gets the answer once the next
    /// round is on its way.
    fn serve(
        database: &Database,
        asked: Vec<Asked<Self>>,
    ) -> impl Future<Output = Replies<Self::Answer>> + Send;
}

/// Callers who share their rounds.
pub(super) struct Gather<T: Together>(Arc<Mutex<State<T>>>);

struct State<T: Together> {
    /// Who waits, by tenant; nobody else takes up room.
    waiting: HashMap<Tenant, VecDeque<Asked<T>>>,
    /// The tenants that wait, whoever is next first.
    turns: VecDeque<Tenant>,
    /// The open lanes by their numbers, and since when each is at its round.
    lanes: HashMap<u64, Instant>,
    /// The number of the next lane.
    number: u64,
}

/// What one caller asks for, and where the answer goes.
pub(super) struct Asked<T: Together> {
    pub(super) ask: T::Ask,
    pub(super) deadline: Instant,
    pub(super) reply: Reply<T::Answer>,
}

/// Where an answer goes.
pub(super) type Reply<A> = oneshot::Sender<Result<A>>;

/// Answers, and where they go.
pub(super) type Replies<A> = Vec<(Reply<A>, Result<A>)>;

impl<T: Together> Clone for Gather<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Together> Default for Gather<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State {
            waiting: HashMap::new(),
            turns: VecDeque::new(),
            lanes: HashMap::new(),
            number: 0,
        })))
    }
}

impl<T: Together> Gather<T> {
    /// What the caller gets. `SERVER_OVERLOADED` where as many calls of the tenant wait
    /// already as may wait for a turn ([`Shares::room`](super::share::Shares::room)),
    /// `DEADLINE_EXCEEDED` where its time was over before its round.
    ///
    /// Dropped, it is asked for no more, unless its round has begun.
    pub(super) async fn get(
        &self,
        database: &Database,
        tenant: Tenant,
        ask: T::Ask,
        deadline: Instant,
    ) -> Result<T::Answer> {
        let (reply, answer) = oneshot::channel();
        let asked = Asked {
            ask,
            deadline,
            reply,
        };
        database.shares.see(tenant);
        let opened = {
            let mut state = self.state();
            if state.count(tenant) >= database.shares.room(T::MODE) {
                return Err(overloaded("too many calls of the organization wait"));
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

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Together> State<T> {
    /// Opens a lane for those who wait, unless others will be there soon or there
    /// may be no more of them.
    fn open(&mut self) -> Option<u64> {
        let quick = self.lanes.values().filter(|since| since.elapsed() < SLOW);
        let may = quick.count() < T::ABREAST && self.lanes.len() <= T::ABREAST;
        if self.waiting.is_empty() || !may {
            return None;
        }
        self.number += 1;
        self.lanes.insert(self.number, Instant::now());
        Some(self.number)
    }

    /// What a lane does next after a round for so many calls. It is closed when
    /// that is nothing, in the same moment: who comes now opens another.
    fn next_of(&mut self, lane: u64, before: usize, shares: &Shares) -> Vec<Asked<T>> {
        let others = self.lanes.iter().filter(|(number, _)| **number != lane);
        let quick = others.filter(|(_, since)| since.elapsed() < SLOW);
        let is_needed = quick.count() < T::ABREAST;
        let next = if is_needed {
            self.next(self.most(before), shares)
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

    fn push(&mut self, tenant: Tenant, asked: Asked<T>) {
        let queue = self.waiting.entry(tenant).or_insert_with(|| {
            self.turns.push_back(tenant);
            VecDeque::new()
        });
        queue.push_back(asked);
    }

    /// How many calls may go with the next round. Where there is one at a time, half of
    /// those who wait and those who went `before`, as they are about to ask again: were it
    /// all who wait, there would be few when it is done, and while these are served the
    /// rest would gather again, PostgreSQL and the service in turns, each idle while the
    /// other works. The price: of a burst half waits for a second round. Where there are
    /// two, the other round is under way meanwhile, if as many are there as that takes;
    /// and beside a lane that is slow nobody is left behind but by its share.
    fn most(&self, before: usize) -> usize {
        if T::ABREAST > 1 || self.lanes.len() > T::ABREAST {
            return usize::MAX;
        }
        let waiting: usize = self.waiting.values().map(VecDeque::len).sum();
        (waiting + before).div_ceil(2)
    }

    /// One call of each tenant in turn, `most` of them and as many as go into one
    /// round, of each no more than its share. Whoever hung up or is late is not among them.
    fn next(&mut self, most: usize, shares: &Shares) -> Vec<Asked<T>> {
        let (mut next, mut size) = (Vec::new(), 0);
        let mut left: HashMap<Tenant, usize> = HashMap::new();
        let mut have_theirs = Vec::new();
        while next.len() < most {
            let Some(tenant) = self.turns.pop_front() else {
                break;
            };
            let Some(queue) = self.waiting.get_mut(&tenant) else {
                continue;
            };
            let left = left
                .entry(tenant)
                .or_insert_with(|| shares.together(tenant));
            if *left == 0 {
                have_theirs.push(tenant);
                continue;
            }
            let more = queue.front().map_or(0, |asked| T::size(&asked.ask));
            if size + more > T::MOST && !next.is_empty() {
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
                Some(asked) if asked.deadline <= Instant::now() => {
                    let _ = asked
                        .reply
                        .send(Err(late("the deadline passed before its turn")));
                }
                Some(asked) => {
                    size += more;
                    *left -= 1;
                    next.push(asked);
                }
                None => {}
            }
        }
        self.turns.extend(have_theirs);
        next
    }
}

/// One round after the other, until nobody waits.
struct Lane<T: Together> {
    gather: Gather<T>,
    database: Database,
    /// Its number in [`State::lanes`].
    number: u64,
}

impl<T: Together> Lane<T> {
    async fn run(self) {
        // Calls that are ready as well, as they came in one packet, come along.
        yield_now().await;
        // Those whose round is done. They hear of it once the next one is on its way:
        // PostgreSQL has work while their answers are made.
        let (mut served, mut before) = (Vec::new(), 0);
        loop {
            let asked = self
                .gather
                .state()
                .next_of(self.number, before, &self.database.shares);
            before = asked.len();
            if asked.is_empty() {
                answer(&mut served);
                return;
            }
            let replies = tokio::select! {
                biased;
                replies = T::serve(&self.database, asked) => replies,
                never = self.meanwhile(&mut served) => match never {},
            };
            answer(&mut served);
            served = replies;
        }
    }

    /// While a round is on its way: those of the one before get their answers. Once it
    /// is slow, another lane is for those who wait by then; who comes later opens it.
    async fn meanwhile(&self, served: &mut Replies<T::Answer>) -> Infallible {
        answer(served);
        sleep(SLOW).await;
        let opened = self.gather.state().open();
        self.gather.run(opened, &self.database);
        pending().await
    }
}

impl<T: Together> Drop for Lane<T> {
    /// After a panic: nobody is to wait for a lane that is not there.
    fn drop(&mut self) {
        let mut state = self.gather.state();
        if state.lanes.remove(&self.number).is_some() && state.lanes.is_empty() {
            state.waiting.clear();
            state.turns.clear();
        }
    }
}

/// Gives each caller what is theirs.
fn answer<A>(served: &mut Replies<A>) {
    for (reply, answer) in served.drain(..) {
        // Whoever hung up meanwhile wants nothing.
        let _ = reply.send(answer);
    }
}

pub(super) fn late(cause: &'static str) -> Error {
    Error::System {
        reason: Reason::DeadlineExceeded,
        cause: cause.into(),
    }
}

/// A failure, as the cause of what each of several callers is told.
pub(super) fn for_each(error: Error) -> impl Fn() -> Cause {
    let cause = Arc::new(error);
    move || Cause::from(Shared(cause.clone()))
}

/// A failure that several callers share.
#[derive(Debug, Clone, thiserror::Error)]
#[error("what was done for several callers failed")]
struct Shared(#[source] Arc<Error>);

#[cfg(test)]
mod tests;
