//! Who works on the database, and who waits: a tenant's flood is its own.
//!
//! There are as many turns as connections. One organization is given at most a third of
//! them, and while others are about a sixth, both rounded up; it has some more calls
//! waiting. Who comes next is what serves several callers at once, then whoever
//! has the fewest turns. So a tenant that floods waits for itself, and a call of any other
//! finds a turn at once, and a processor: with half of the turns a flood did no more, and
//! its neighbours waited longer; with a third it has every processor of a small machine
//! (docs/performance.md).
//! Writers who share a connection have seats, three of which are as much as a turn.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::scope::Mode;
use crate::domain::ids::OrganizationId;
use crate::error::{Error, Reason, Result};

/// How long a call waits for its turn.
const WAIT: Duration = Duration::from_millis(250);
/// Calls of one organization that may wait, for each turn of its third.
const WAITING_PER_TURN: usize = 8;
/// Seats that count as one turn: a write among others costs a quarter to a half of what
/// it does alone, and waits for these others meanwhile (docs/performance.md).
const SEATS: usize = 3;

/// For how long an organization that called is about: for this, and up to once more.
const ABOUT: Duration = Duration::from_millis(500);

/// Who asks: somebody of an organization, or a Super Admin without one.
pub(super) type Tenant = Option<OrganizationId>;

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Whose {
    /// One tenant's.
    Of(Tenant),
    /// Everybody's: what serves callers of several tenants at once, and the service's own
    /// errands. They are few, and no tenant's share bounds them.
    Everybody,
}

/// The turns, shared out among tenants.
#[derive(Clone)]
pub(super) struct Shares {
    turns: usize,
    state: Arc<Mutex<State>>,
}

struct State {
    free: usize,
    /// Those who work or wait; nobody else takes up room.
    queues: HashMap<Whose, Queue>,
    /// Numbers arrivals: of two who have equally few turns, the earlier is next.
    arrivals: u64,
    about: About,
}

/// Which organizations called lately. A Super Admin is of none, and makes nobody share.
struct About {
    /// When `now` began.
    since: Instant,
    now: Seen,
    /// In the time before.
    before: Seen,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nobody,
    One(OrganizationId),
    Several,
}

impl About {
    fn see(&mut self, organization: OrganizationId) {
        let passed = self.since.elapsed();
        if passed >= 2 * ABOUT {
            (self.before, self.now) = (Seen::Nobody, Seen::Nobody);
            self.since = Instant::now();
        } else if passed >= ABOUT {
            self.before = std::mem::replace(&mut self.now, Seen::Nobody);
            self.since += ABOUT;
        }
        self.now = match self.now {
            Seen::Nobody => Seen::One(organization),
            Seen::One(other) if other == organization => self.now,
            _ => Seen::Several,
        };
    }

    fn has_others_than(&self, tenant: Tenant) -> bool {
        let is_another = |seen| match seen {
            Seen::Nobody => false,
            Seen::One(other) => Some(other) != tenant,
            Seen::Several => true,
        };
        // Nobody may have called since.
        match self.since.elapsed() {
            passed if passed >= 2 * ABOUT => false,
            passed if passed >= ABOUT => is_another(self.now),
            _ => is_another(self.now) || is_another(self.before),
        }
    }
}

#[derive(Default)]
struct Queue {
    /// In seats.
    working: usize,
    /// In the order of their arrival.
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    arrival: u64,
    right: Right,
    who: oneshot::Sender<Turn>,
}

#[derive(Clone, Copy)]
enum Right {
    /// To hold one connection.
    Turn,
    /// To be one of the callers of a transaction that holds one.
    Seat,
}

impl Right {
    fn seats(self) -> usize {
        match self {
            Self::Turn => SEATS,
            Self::Seat => 1,
        }
    }

    fn connections(self) -> usize {
        match self {
            Self::Turn => 1,
            Self::Seat => 0,
        }
    }
}

impl Shares {
    pub(super) fn new(turns: usize) -> Self {
        let state = State {
            free: turns,
            queues: HashMap::new(),
            arrivals: 0,
            about: About {
                since: Instant::now(),
                now: Seen::Nobody,
                before: Seen::Nobody,
            },
        };
        Self {
            turns,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Most turns of one tenant at once, if nobody else is about.
    fn third(&self) -> usize {
        self.turns.div_ceil(3)
    }

    /// Most turns at once.
    fn most(&self, state: &State, whose: Whose) -> usize {
        match whose {
            Whose::Of(tenant) if state.about.has_others_than(tenant) => self.turns.div_ceil(6),
            Whose::Of(_) => self.third(),
            Whose::Everybody => self.turns,
        }
    }

    /// Whether somebody's share and the connections allow for one more.
    fn may(&self, state: &State, whose: Whose, working: usize, right: Right) -> bool {
        let fits = working + right.seats() <= self.most(state, whose) * SEATS;
        fits && state.free >= right.connections()
    }

    /// Notes that a tenant calls, and is about; who asks for a turn or a seat is so anyway.
    pub(super) fn see(&self, tenant: Tenant) {
        if let Some(organization) = tenant {
            self.state().about.see(organization);
        }
    }

    /// Most calls of one tenant that are done together with those of others: as many as it
    /// may have seats, while others are about.
    pub(super) fn together(&self, tenant: Tenant) -> usize {
        let state = self.state();
        if state.about.has_others_than(tenant) {
            self.most(&state, Whose::Of(tenant)) * SEATS
        } else {
            usize::MAX
        }
    }

    /// Most waiting calls of one tenant; writes may still come where there is
    /// no room for reads.
    pub(super) fn room(&self, mode: Mode) -> usize {
        let room = self.third() * WAITING_PER_TURN;
        match mode {
            Mode::Write => room,
            Mode::Snapshot => room * 3 / 4,
        }
    }

    /// Waits for a turn; `SERVER_OVERLOADED` at once where too many of the
    /// tenant's calls wait already, and after [`WAIT`].
    pub(super) async fn turn(&self, whose: Whose, mode: Mode) -> Result<Turn> {
        self.wait(whose, mode, Right::Turn).await
    }

    /// Waits for a seat: the right to write among others, in a transaction that holds a
    /// turn of everybody's. Seats count to the tenant's share, so a flood has no more by
    /// them, and come in the order in which they and its turns are asked for. Fails as
    /// [`turn`](Self::turn) does.
    pub(super) async fn seat(&self, tenant: Tenant) -> Result<Seat> {
        let seat = self.wait(Whose::Of(tenant), Mode::Write, Right::Seat).await;
        seat.map(Seat)
    }

    /// Gives a seat up for a turn, before all who came later. Fails after [`WAIT`].
    pub(super) async fn trade(&self, Seat(mut seat): Seat) -> Result<Turn> {
        let (who, turn) = oneshot::channel();
        {
            let mut state = self.state();
            // In one moment, so that nobody is between.
            seat.shares = None;
            state.take_back(seat.whose, seat.right);
            let queue = state.queues.entry(seat.whose).or_default();
            let earlier = |waiting: &Waiting| waiting.arrival < seat.arrival;
            let waiting = Waiting {
                arrival: seat.arrival,
                right: Right::Turn,
                who,
            };
            let place = queue.waiting.partition_point(earlier);
            queue.waiting.insert(place, waiting);
            self.next(&mut state);
        }
        self.given(turn).await
    }

    async fn wait(&self, whose: Whose, mode: Mode, right: Right) -> Result<Turn> {
        let turn = {
            let mut state = self.state();
            state.arrivals += 1;
            let arrival = state.arrivals;
            if let Whose::Of(Some(organization)) = whose {
                state.about.see(organization);
            }
            let queue = state.queues.entry(whose).or_default();
            let (working, waiting) = (queue.working, queue.waiting.len());
            if waiting == 0 && self.may(&state, whose, working, right) {
                return Ok(self.give(&mut state, whose, right, arrival));
            }
            if waiting >= self.room(mode) {
                return Err(overloaded("too many calls of the organization wait"));
            }
            let (who, turn) = oneshot::channel();
            let queue = state.queues.entry(whose).or_default();
            queue.waiting.push_back(Waiting {
                arrival,
                right,
                who,
            });
            // There may be more for it than when the others came: who was about has gone.
            self.next(&mut state);
            turn
        };
        self.given(turn).await
    }

    async fn given(&self, turn: oneshot::Receiver<Turn>) -> Result<Turn> {
        let mut waits = Waits { turn, shares: self };
        match timeout(WAIT, &mut waits.turn).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(overloaded("no turn came in time")),
        }
    }

    /// How many calls wait for a turn.
    pub(super) fn waiting(&self) -> usize {
        let state = self.state();
        state.queues.values().map(|queue| queue.waiting.len()).sum()
    }

    fn give(&self, state: &mut State, whose: Whose, right: Right, arrival: u64) -> Turn {
        state.free -= right.connections();
        state.queues.entry(whose).or_default().working += right.seats();
        Turn {
            shares: Some(self.clone()),
            whose,
            right,
            arrival,
        }
    }

    /// Gives free turns to who waits.
    fn next(&self, state: &mut State) {
        state.queues.retain(|_, queue| {
            // Who gave up waiting is not there any more.
            queue.waiting.retain(|waiting| !waiting.who.is_closed());
            queue.working > 0 || !queue.waiting.is_empty()
        });
        loop {
            let waiting = state.queues.iter().filter_map(|(whose, queue)| {
                let first = queue.waiting.front()?;
                // Many wait behind what is everybody's: half of the turns are theirs first.
                let has = match whose {
                    Whose::Everybody if queue.working * 2 <= self.turns * SEATS => 0,
                    _ => queue.working,
                };
                let may = self.may(state, *whose, queue.working, first.right);
                may.then_some(((has, first.arrival), *whose))
            });
            let next = waiting.min_by_key(|(order, _)| *order);
            let Some((_, whose)) = next else { return };
            let queue = state.queues.entry(whose).or_default();
            let Some(first) = queue.waiting.pop_front() else {
                return;
            };
            let turn = self.give(state, whose, first.right, first.arrival);
            if let Err(mut unwanted) = first.who.send(turn) {
                // Gave up this very moment; the state is in our hands already.
                unwanted.shares = None;
                state.take_back(whose, first.right);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_back(&mut self, whose: Whose, right: Right) {
        self.free += right.connections();
        if let Some(queue) = self.queues.get_mut(&whose) {
            queue.working -= right.seats();
        }
    }
}

/// A turn or a seat; given back when dropped.
pub(super) struct Turn {
    /// `None` when it was taken back.
    shares: Option<Shares>,
    whose: Whose,
    right: Right,
    /// Its place among all that was asked for.
    arrival: u64,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(shares) = self.shares.take() {
            let mut state = shares.state();
            state.take_back(self.whose, self.right);
            shares.next(&mut state);
        }
    }
}

/// A [`Turn`] that is a seat.
pub(super) struct Seat(Turn);

/// Somebody who waits. Whoever gives up, as when their caller hangs up, has kept others
/// waiting who need less.
struct Waits<'a> {
    turn: oneshot::Receiver<Turn>,
    shares: &'a Shares,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.turn.close();
        self.shares.next(&mut self.shares.state());
    }
}

pub(super) fn overloaded(cause: &'static str) -> Error {
    Error::System {
        reason: Reason::ServerOverloaded,
        cause: cause.into(),
    }
}

#[cfg(test)]
mod tests;
