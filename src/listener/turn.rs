//! Calls that all connections bring in one turn of the runtime.
//!
//! tokio carries out the tasks that are ready one after the other. Who sends
//! thousands of calls at once would fill that queue, and each step of everybody
//! else's call would wait behind all of them. So once [`MANY`] calls are brought,
//! a connection brings only [`FEW`] until all who were ready have had their turn;
//! what it has to write is written meanwhile. That is fair among connections: a
//! gateway that carries all its users on one has as much of a flooded turn as a
//! stranger has on each of theirs.
//!
//! With several threads a turn lasts until one of them has been through what it had
//! to do, so it is shorter there, and bounds less.

use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::task::yield_now;

/// Half of the calls that are carried out at once where nobody says otherwise
/// (`CLIENTS_IN_FLIGHT`): a turn of so many takes some milliseconds.
const MANY: usize = 128;
/// What a connection brings beyond that.
pub(super) const FEW: usize = 2;

/// Of all connections.
#[derive(Debug, Default)]
pub(super) struct Turn(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    number: u64,
    /// Calls of this turn.
    brought: usize,
    /// Connections that wait for the next one.
    held: Vec<Waker>,
}

/// What one connection has brought, and in which turn.
#[derive(Debug, Default)]
pub(super) struct Share {
    turn: u64,
    brought: usize,
}

impl Turn {
    /// Ready when the connection may bring a call; otherwise it is woken in the next
    /// turn.
    pub(super) fn poll_admits(&self, share: &Share, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        let is_held = state.brought >= MANY && share.turn == state.number && share.brought >= FEW;
        if !is_held {
            return Poll::Ready(());
        }
        let waits = state
            .held
            .last()
            .is_some_and(|last| last.will_wake(cx.waker()));
        if !waits {
            state.held.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// The connection has brought a call. The first one of a turn sees to its end.
    pub(super) fn bring(self: &Arc<Self>, share: &mut Share) {
        let mut state = self.state();
        if state.brought == 0 {
            tokio::spawn(Arc::clone(self).end());
        }
        state.brought += 1;
        if share.turn != state.number {
            *share = Share {
                turn: state.number,
                brought: 0,
            };
        }
        share.brought += 1;
    }

    /// Ends the turn once those who are ready have had theirs.
    async fn end(self: Arc<Self>) {
        yield_now().await;
        let held = {
            let mut state = self.state();
            state.number += 1;
            state.brought = 0;
            take(&mut state.held)
        };
        held.into_iter().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As many as make others wait, brought by somebody else.
    #[cfg(test)]
    pub(super) fn fill(self: &Arc<Self>) {
        (0..MANY).for_each(|_| self.bring(&mut Share::default()));
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    #[tokio::test]
    async fn beyond_many_a_connection_waits_for_all_who_are_ready() {
        let turn = Arc::<Turn>::default();
        let mut share = Share::default();
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            turn.fill();
            for _ in 0..FEW {
                assert!(turn.poll_admits(&share, &mut cx).is_ready());
                turn.bring(&mut share);
            }
            assert!(turn.poll_admits(&share, &mut cx).is_pending());

            // Tasks in the order in which they become ready, behind the turn's end.
            let (said, mut heard) = unbounded_channel();
            let held = (Arc::clone(&turn), said.clone());
            let held = tokio::spawn(async move {
                let (turn, said) = held;
                poll_fn(|cx| turn.poll_admits(&share, cx)).await;
                said.send("held").expect("heard");
                share
            });
            tokio::spawn(async move { said.send("ready").expect("heard") });
            share = held.await.expect("no panic");
            assert_eq!(heard.recv().await, Some("ready"));
            assert_eq!(heard.recv().await, Some("held"));
        }
    }

    #[tokio::test]
    async fn up_to_many_nobody_waits() {
        let turn = Arc::<Turn>::default();
        let mut share = Share::default();
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..MANY {
            assert!(turn.poll_admits(&share, &mut cx).is_ready());
            turn.bring(&mut share);
        }
        assert!(turn.poll_admits(&share, &mut cx).is_pending());
    }
}
