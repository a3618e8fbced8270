//! Callers at work: so many calls in flight, or so many calls a second.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nvito_clients::error::Cause;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::ask::Rows;
use super::caller::Connection;
use super::cpu::{Used, Watched};
use super::operation::Mix;
use super::tally::Tally;
use super::work::{Plan, Worker};

/// What to do.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) mix: Mix,
    pub(crate) rows: Rows,
    pub(crate) check: bool,
    pub(crate) connections: usize,
    /// Callers. With a rate: most calls at once; those whose time has come wait,
    /// and their waiting counts.
    pub(crate) in_flight: usize,
    /// Calls a second, whether the ones before are answered or not.
    pub(crate) rate: Option<f64>,
    /// Before anything counts.
    pub(crate) warm_up: Duration,
    /// At most so long, and so many calls.
    pub(crate) time: Duration,
    pub(crate) calls: Option<u64>,
    pub(crate) seed: u64,
    pub(crate) watched: Watched,
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    /// From the first moment that counts to the last answer.
    pub(crate) took: Duration,
    /// Processor time meanwhile.
    pub(crate) used: Used,
}

/// When a caller makes its next call.
struct Pace {
    until: Instant,
    from: Instant,
    /// Calls that may still be made, once it counts.
    left: AtomicU64,
    schedule: Option<Schedule>,
}

/// Calls at fixed times. A permit is there for each whose time has come.
struct Schedule {
    began: Instant,
    /// Nanoseconds.
    between: u64,
    due: Semaphore,
    taken: AtomicU64,
}

impl Load {
    /// Makes the calls.
    pub(crate) async fn run(&self) -> Result<Outcome, Cause> {
        let mut connections = Vec::new();
        for _ in 0..self.connections {
            connections.push(Connection::open(self.address).await?);
        }
        let began = Instant::now();
        let from = began + self.warm_up;
        let plan = Arc::new(Plan {
            mix: self.mix.clone(),
            rows: self.rows,
            check: self.check,
            from,
            claims: Mutex::new(HashSet::new()),
        });
        let pace = Arc::new(Pace {
            until: from + self.time,
            from,
            left: AtomicU64::new(self.calls.unwrap_or(u64::MAX)),
            schedule: self.rate.map(|rate| Schedule {
                began,
                between: u64::try_from(Duration::from_secs_f64(1.0 / rate).as_nanos())
                    .unwrap_or(u64::MAX),
                due: Semaphore::new(0),
                taken: AtomicU64::new(0),
            }),
        });
        if pace.schedule.is_some() {
            let pace = Arc::clone(&pace);
            let callers = self.in_flight;
            thread::spawn(move || pace.keep(callers));
        }
        let mut callers = JoinSet::new();
        for number in 0..self.in_flight {
            let connection = connections[number % connections.len()].clone();
            // Far apart in the sequence that all of them roll.
            let seed = self.seed.wrapping_add((number as u64) << 32);
            let mut worker = Worker::new(Arc::clone(&plan), connection, seed);
            let pace = Arc::clone(&pace);
            callers.spawn(async move {
                while let Some(intended) = pace.next().await {
                    worker.turn(intended).await;
                }
                worker.tally
            });
        }
        tokio::time::sleep_until(from.into()).await;
        let before = self.watched.used();
        let from = Instant::now();
        let mut tally = Tally::default();
        for theirs in callers.join_all().await {
            tally.merge(theirs);
        }
        Ok(Outcome {
            tally,
            took: from.elapsed(),
            used: self.watched.used().since(before),
        })
    }
}

impl Pace {
    /// When the next call is to be made, if at a time of its own; `None` when
    /// there is none to be made.
    async fn next(&self) -> Option<Option<Instant>> {
        let intended = match &self.schedule {
            None => None,
            Some(schedule) => {
                schedule.due.acquire().await.ok()?.forget();
                let number = schedule.taken.fetch_add(1, Ordering::Relaxed);
                Some(schedule.time(number))
            }
        };
        let now = intended.unwrap_or_else(Instant::now);
        let counts = now >= self.from;
        let one_less = |left: u64| left.checked_sub(1);
        let allowed = !counts
            || self
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
                .is_ok();
        (now < self.until && allowed).then_some(intended)
    }

    /// Says when a call is due. A thread, because it sleeps to a twentieth of a
    /// millisecond, where the runtime's timer knows whole ones.
    fn keep(&self, callers: usize) {
        let Some(schedule) = &self.schedule else {
            return;
        };
        let mut said = 0;
        while schedule.time(said) < self.until {
            thread::sleep(
                schedule
                    .time(said)
                    .saturating_duration_since(Instant::now()),
            );
            let mut due = 0;
            while schedule.time(said) <= Instant::now() && schedule.time(said) < self.until {
                said += 1;
                due += 1;
            }
            schedule.due.add_permits(due);
        }
        // A time too late for each caller: it ends.
        schedule.due.add_permits(callers);
    }
}

impl Schedule {
    fn time(&self, number: u64) -> Instant {
        self.began + Duration::from_nanos(number.saturating_mul(self.between))
    }
}
