//! Who is connected, and who gives way when there is no room.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, futures::Notified};
use tokio::time::{Instant, timeout};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How often somebody who waits looks again whether anyone may be asked to leave.
const AGAIN: Duration = Duration::from_millis(50);
/// What everybody has for a first call, however many come after: without it a
/// flood would put out those who mean well before they can say so.
const GRACE: Duration = Duration::from_millis(250);

/// A bounded number of places. When all are taken, whoever has been there longest
/// without a call gives way, then whoever has been idle longest; when all are at
/// work, the next one waits, and those behind it in the kernel's queue: a caller
/// that is late is better off than one that is turned away.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    idle: Duration,
    began: Instant,
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    seats: HashMap<u64, Arc<Seat>>,
}

#[derive(Debug)]
struct Seat {
    called: AtomicBool,
    /// When it was taken or last called, in milliseconds since the beginning.
    used: AtomicU64,
    left: CancellationToken,
}

impl Places {
    pub(super) fn new(most: usize, idle: Duration) -> Arc<Self> {
        Arc::new(Self {
            most,
            idle,
            began: Instant::now(),
            taken: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// A place, at once or as soon as there is one.
    pub(super) async fn take(self: &Arc<Self>) -> Place {
        loop {
            // Before looking: a place that is freed meanwhile is not missed.
            let freed: Notified<'_> = self.freed.notified();
            if let Some(place) = self.take_now() {
                return place;
            }
            self.make_room();
            timeout(AGAIN, freed).await.ok();
        }
    }

    fn take_now(self: &Arc<Self>) -> Option<Place> {
        let mut taken = self.taken();
        if taken.seats.len() >= self.most {
            return None;
        }
        let number = taken.next;
        taken.next += 1;
        let seat = Arc::new(Seat {
            called: AtomicBool::new(false),
            used: AtomicU64::new(self.now()),
            left: CancellationToken::new(),
        });
        taken.seats.insert(number, Arc::clone(&seat));
        Some(Place {
            number,
            seat,
            places: Arc::clone(self),
        })
    }

    /// Asks one connection to leave, if there is one that may be asked.
    pub(super) fn make_room(&self) {
        let now = self.now();
        let taken = self.taken();
        let leaving = taken
            .seats
            .values()
            .filter(|seat| !seat.left.is_cancelled())
            .map(|seat| (seat.rank(), seat))
            .filter(|((called, used), _)| {
                now.saturating_sub(*used) >= millis(if *called { self.idle } else { GRACE })
            })
            .min_by_key(|(rank, _)| *rank);
        if let Some((_, seat)) = leaving {
            seat.left.cancel();
        }
    }

    fn now(&self) -> u64 {
        millis(self.began.elapsed())
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Whether it has ever called, and when last: the lowest leaves first.
    fn rank(&self) -> (bool, u64) {
        let called = self.called.load(Ordering::Relaxed);
        (called, self.used.load(Ordering::Relaxed))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// One of the places; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    seat: Arc<Seat>,
    places: Arc<Places>,
}

impl Place {
    /// A call is made: from now on only idleness makes it give way.
    pub(super) fn called(&self) {
        let now = self.places.now();
        self.seat.used.store(now, Ordering::Relaxed);
        self.seat.called.store(true, Ordering::Relaxed);
    }

    /// Done when it has to give way.
    pub(super) fn left(&self) -> WaitForCancellationFutureOwned {
        self.leave().cancelled_owned()
    }

    /// Makes it give way when it is cancelled.
    pub(super) fn leave(&self) -> CancellationToken {
        self.seat.left.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken().seats.remove(&self.number);
        self.places.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(30);

    fn asked(place: &Place) -> bool {
        place.seat.left.is_cancelled()
    }

    /// As if it had come, or called, so much earlier.
    fn age(place: &Place, by: Duration) {
        place.seat.used.fetch_sub(millis(by), Ordering::Relaxed);
    }

    fn places(most: usize) -> Arc<Places> {
        let mut places = Places::new(most, IDLE);
        let some = Arc::get_mut(&mut places).expect("alone");
        some.began = Instant::now().checked_sub(10 * IDLE).expect("long ago");
        places
    }

    #[tokio::test]
    async fn the_oldest_silent_one_gives_way_then_the_longest_idle() {
        let places = places(3);
        let at_work = places.take().await;
        at_work.called();
        let older = places.take().await;
        age(&older, Duration::from_secs(1));
        let newer = places.take().await;
        assert!(places.take_now().is_none());

        places.make_room();
        assert!(asked(&older) && !asked(&newer) && !asked(&at_work));
        places.make_room();
        assert!(!asked(&newer), "it has just come");
        age(&newer, GRACE);
        places.make_room();
        assert!(asked(&newer) && !asked(&at_work), "the other silent one");
        places.make_room();
        assert!(!asked(&at_work), "nobody is idle");
        age(&at_work, IDLE);
        at_work.called();
        places.make_room();
        assert!(!asked(&at_work), "at work again");
        age(&at_work, IDLE);
        places.make_room();
        assert!(asked(&at_work));
    }

    #[tokio::test]
    async fn who_finds_no_place_waits_for_one() {
        let places = places(1);
        let held = places.take().await;
        held.called();
        let waiting = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.take().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(held);
        let place = waiting.await.expect("no panic");
        assert!(places.take_now().is_none());
        drop(place);
        assert!(places.take_now().is_some());
    }
}
