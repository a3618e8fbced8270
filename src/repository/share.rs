//! Who works on the database, and who waits: a tenant's flood is its own.
//!
//! There are as many turns as connections. One organization holds at most
//! a third of them, rounded up, and has some more calls waiting; who comes next
//! is whoever has the fewest turns. So a tenant that floods waits for
//! itself, and a call of any other finds a turn at once, and a processor: with
//! half of the turns a flood did no more, and its neighbours waited longer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::scope::Mode;
use crate::domain::ids::OrganizationId;
use crate::error::{Error, Reason, Result};

/// How long a call waits for its turn.
const WAIT: Duration = Duration::from_millis(250);
/// Calls of one organization that may wait, for each turn that it may have.
const WAITING_PER_TURN: usize = 8;

/// Who asks: somebody of an organization, or a Super Admin without one.
pub(super) type Tenant = Option<OrganizationId>;

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Whose {
    /// One tenant's.
    Of(Tenant),
    /// Everybody's: statements that serve callers of several tenants, and the
    /// service's own errands. They are few, and no tenant's share bounds them.
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
}

#[derive(Default)]
struct Queue {
    working: usize,
    waiting: VecDeque<(u64, oneshot::Sender<Turn>)>,
}

impl Shares {
    pub(super) fn new(turns: usize) -> Self {
        let state = State {
            free: turns,
            queues: HashMap::new(),
            arrivals: 0,
        };
        Self {
            turns,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Most turns at once.
    fn most(&self, whose: Whose) -> usize {
        match whose {
            Whose::Of(_) => self.turns.div_ceil(3),
            Whose::Everybody => self.turns,
        }
    }

    /// Most waiting calls of one tenant; writes may still come where there is
    /// no room for reads.
    pub(super) fn room(&self, mode: Mode) -> usize {
        let room = self.most(Whose::Of(None)) * WAITING_PER_TURN;
        match mode {
            Mode::Write => room,
            Mode::Snapshot => room * 3 / 4,
        }
    }

    /// Waits for a turn; `SERVER_OVERLOADED` at once where too many of the
    /// tenant's calls wait already, and after [`WAIT`].
    pub(super) async fn turn(&self, whose: Whose, mode: Mode) -> Result<Turn> {
        let turn = {
            let mut state = self.state();
            let queue = state.queues.entry(whose).or_default();
            let (working, waiting) = (queue.working, queue.waiting.len());
            if waiting == 0 && working < self.most(whose) && state.free > 0 {
                return Ok(self.give(&mut state, whose));
            }
            if waiting >= self.room(mode) {
                return Err(overloaded("too many calls of the organization wait"));
            }
            state.arrivals += 1;
            let arrival = state.arrivals;
            let (sender, receiver) = oneshot::channel();
            let queue = state.queues.entry(whose).or_default();
            queue.waiting.push_back((arrival, sender));
            receiver
        };
        match timeout(WAIT, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(overloaded("no connection was free in time")),
        }
    }

    /// How many calls wait for a turn.
    pub(super) fn waiting(&self) -> usize {
        let state = self.state();
        state.queues.values().map(|queue| queue.waiting.len()).sum()
    }

    fn give(&self, state: &mut State, whose: Whose) -> Turn {
        state.free -= 1;
        state.queues.entry(whose).or_default().working += 1;
        Turn {
            shares: Some(self.clone()),
            whose,
        }
    }

    /// How many turns somebody has for whoever compares. One that serves several callers
    /// is as much as a quarter of theirs: they would else be the last, all of them.
    fn weight(whose: Whose, working: usize) -> usize {
        match whose {
            Whose::Of(_) => working,
            Whose::Everybody => working / 4,
        }
    }

    /// Gives free turns to who waits.
    fn next(&self, state: &mut State) {
        state.queues.retain(|_, queue| {
            // Who gave up waiting is not there any more.
            queue.waiting.retain(|(_, who)| !who.is_closed());
            queue.working > 0 || !queue.waiting.is_empty()
        });
        while state.free > 0 {
            let waiting = state.queues.iter().filter_map(|(whose, queue)| {
                let (arrival, _) = queue.waiting.front()?;
                let may = queue.working < self.most(*whose);
                may.then_some((Self::weight(*whose, queue.working), *arrival, *whose))
            });
            let next = waiting.min_by_key(|(working, arrival, _)| (*working, *arrival));
            let Some((_, _, whose)) = next else { return };
            let queue = state.queues.entry(whose).or_default();
            let Some((_, who)) = queue.waiting.pop_front() else {
                return;
            };
            if let Err(mut unwanted) = who.send(self.give(state, whose)) {
                // Gave up this very moment; the state is in our hands already.
                unwanted.shares = None;
                state.take_back(whose);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_back(&mut self, whose: Whose) {
        self.free += 1;
        if let Some(queue) = self.queues.get_mut(&whose) {
            queue.working -= 1;
        }
    }
}

/// The right to hold one connection; given back when dropped.
pub(super) struct Turn {
    /// `None` when it was taken back.
    shares: Option<Shares>,
    whose: Whose,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(shares) = self.shares.take() {
            let mut state = shares.state();
            state.take_back(self.whose);
            shares.next(&mut state);
        }
    }
}

pub(super) fn overloaded(cause: &'static str) -> Error {
    Error::System {
        reason: Reason::ServerOverloaded,
        cause: cause.into(),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn tenant(number: u128) -> Whose {
        Whose::Of(Some(OrganizationId(Uuid::from_u128(number))))
    }

    async fn turns(shares: &Shares, whose: Whose, count: usize) -> Vec<Turn> {
        let mut turns = Vec::new();
        for _ in 0..count {
            turns.push(shares.turn(whose, Mode::Write).await.expect("free"));
        }
        turns
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_leaves_two_thirds_to_others() {
        let shares = Shares::new(9);
        let flood = turns(&shares, tenant(1), 3).await;
        let refused = shares.turn(tenant(1), Mode::Write).await;
        assert_eq!(
            refused.err().expect("three").reason(),
            Reason::ServerOverloaded
        );
        let others = (
            turns(&shares, tenant(2), 3).await,
            turns(&shares, tenant(3), 3).await,
        );
        assert!(
            shares.turn(tenant(4), Mode::Write).await.is_err(),
            "none left"
        );
        drop((flood, others));
        turns(&shares, tenant(1), 3).await;
        assert!(shares.state().queues.is_empty());
        assert_eq!(shares.state().free, 9);
    }

    #[tokio::test(start_paused = true)]
    async fn super_admins_keep_nobody_from_what_is_everybodys() {
        let shares = Shares::new(6);
        let flood = turns(&shares, Whose::Of(None), 2).await;
        let refused = shares.turn(Whose::Of(None), Mode::Snapshot).await;
        assert!(refused.is_err(), "a third is theirs");
        drop((turns(&shares, Whose::Everybody, 4).await, flood));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_fewest_turns_is_next() {
        let shares = Shares::new(4);
        let mut flood = turns(&shares, tenant(1), 2).await;
        let last = turns(&shares, tenant(2), 2).await;
        let wait = |number| {
            let shares = shares.clone();
            let waiting = async move { shares.turn(tenant(number), Mode::Write).await };
            tokio::spawn(waiting)
        };
        let (first, second) = (wait(1), wait(3));
        tokio::task::yield_now().await;
        assert_eq!(shares.waiting(), 2);
        flood.pop();
        tokio::task::yield_now().await;
        assert!(second.is_finished(), "it has none");
        assert!(!first.is_finished(), "it came first and has one");
        drop((flood, last));
        first.await.expect("no panic").expect("its turn");
    }

    #[tokio::test(start_paused = true)]
    async fn what_serves_several_callers_is_not_the_last() {
        let shares = Shares::new(4);
        let everybody = turns(&shares, Whose::Everybody, 3).await;
        let mut flood = turns(&shares, tenant(1), 1).await;
        let wait = |whose| {
            let shares = shares.clone();
            tokio::spawn(async move { shares.turn(whose, Mode::Write).await })
        };
        let first = wait(Whose::Everybody);
        tokio::task::yield_now().await;
        let second = wait(tenant(2));
        tokio::task::yield_now().await;
        flood.pop();
        tokio::task::yield_now().await;
        assert!(first.is_finished() && !second.is_finished());
        drop(everybody);
        second.await.expect("no panic").expect("its turn");
    }

    #[tokio::test(start_paused = true)]
    async fn room_to_wait_is_bounded_and_kept_for_writes() {
        let shares = Shares::new(1);
        let held = turns(&shares, tenant(1), 1).await;
        let wait = |mode| {
            let shares = shares.clone();
            tokio::spawn(async move { shares.turn(tenant(1), mode).await.map(drop) })
        };
        let reads: Vec<_> = (0..7).map(|_| wait(Mode::Snapshot)).collect();
        tokio::task::yield_now().await;
        assert_eq!(shares.waiting(), 6, "the seventh is refused at once");
        let write = wait(Mode::Write);
        tokio::task::yield_now().await;
        assert_eq!(shares.waiting(), 7);
        // A caller who hangs up frees its place.
        reads[0].abort();
        drop(held);
        write.await.expect("no panic").expect("its turn");
        assert_eq!((shares.waiting(), shares.state().free), (0, 1));
    }

    #[tokio::test]
    async fn whatever_callers_do_no_turn_is_lost() {
        let shares = Shares::new(4);
        let calls: Vec<_> = (0..2000)
            .map(|call: u64| {
                let shares = shares.clone();
                tokio::spawn(async move {
                    let turn = shares.turn(tenant(u128::from(call % 5)), Mode::Write);
                    let patience = Duration::from_micros(call % 7 * 100);
                    if let Ok(Ok(turn)) = timeout(patience, turn).await {
                        tokio::time::sleep(Duration::from_micros(call % 3 * 100)).await;
                        drop(turn);
                    }
                })
            })
            .collect();
        for call in calls {
            call.await.expect("no panic");
        }
        shares.next(&mut shares.state());
        assert_eq!(shares.state().free, 4);
        assert!(shares.state().queues.is_empty());
    }
}
