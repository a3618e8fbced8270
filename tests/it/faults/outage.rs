//! PostgreSQL down, frozen, behind a network that swallows, delays, trickles.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nvito_clients::domain::principal::Role;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tonic::Code;

use super::proxy::{Mode, Proxy};
use super::report::{Line, Size};
use super::server::{PATIENCE, Serving, Site};
use super::wire::{Heard, Prepared, Wire};
use crate::support::client;

/// What a caller of these scenarios gives the service.
const DEADLINE: Duration = Duration::from_secs(1);

/// A service and two calls to it, a read and a write.
struct Stage {
    wire: Wire,
    calls: [Prepared; 2],
}

impl Stage {
    async fn of(service: &Serving) -> Self {
        let organization = service.org("Propia").await;
        let actor = service.actor(Role::PlatformAdmin, Some(&organization));
        let made = actor.create(client("Ana")).await.expect("created");
        let address = &service.address;
        Self {
            wire: Wire::open(address).await.expect("it accepts"),
            calls: [
                Prepared::get(address, &organization, &made.id),
                Prepared::create(address, &organization, "Eva"),
            ],
        }
    }

    /// Calls every 25 ms for a time and says what was heard, and when.
    async fn calls_for(
        &self,
        time: Duration,
        deadline: Option<Duration>,
    ) -> Vec<(Heard, Duration)> {
        let mut calls = JoinSet::new();
        let began = Instant::now();
        while began.elapsed() < time {
            for call in self.calls.clone() {
                let call = match deadline {
                    Some(deadline) => call.within(deadline),
                    None => call,
                };
                let wire = self.wire.clone();
                calls.spawn(async move { wire.timed(&call).await });
            }
            sleep(Duration::from_millis(25)).await;
        }
        calls.join_all().await
    }

    /// How long until a read and a write are answered again.
    async fn back(&self) -> Duration {
        let began = Instant::now();
        for call in &self.calls {
            let call = call.clone().within(DEADLINE);
            while !self.wire.timed(&call).await.0.is_ok() {
                assert!(began.elapsed() < PATIENCE, "it does not come back");
                sleep(Duration::from_millis(10)).await;
            }
        }
        began.elapsed()
    }
}

pub(crate) async fn run(size: Size) -> Vec<Line> {
    let rounds = size.pick(1, 10);
    let mut site = Site::start(&[]).await;
    let mut lines = down(&mut site, rounds, size).await;
    lines.extend(network(&site, rounds, size).await);
    lines.push(frozen(&site, rounds, size).await);
    lines
}

async fn down(site: &mut Site, rounds: u32, size: Size) -> Vec<Line> {
    let service = site.service(&site.url(), &[]);
    let stage = Stage::of(&service).await;
    let (mut answers, mut back) = (Vec::new(), Vec::new());
    let mut otherwise = Vec::new();
    for _ in 0..rounds {
        site.crash(Signal::SIGQUIT).await;
        for (heard, took) in stage.calls_for(Duration::from_secs(1), None).await {
            answers.push(took);
            if !heard.is(Code::Unavailable, "DATABASE_UNAVAILABLE") {
                otherwise.push(heard.reason().to_owned());
            }
        }
        site.up().await;
        back.push(stage.back().await);
    }
    otherwise.dedup();
    let seen = format!("{} otherwise {otherwise:?}", otherwise.len());
    vec![
        Line::longest("PostgreSQL down: answered", &answers, 2500, size),
        Line::new(
            "PostgreSQL down: UNAVAILABLE, DATABASE_UNAVAILABLE with RetryInfo",
            answers.len(),
            seen,
            "0",
            otherwise.is_empty(),
        ),
        Line::longest("PostgreSQL up again: back", &back, 2000, size),
    ]
}

async fn network(site: &Site, rounds: u32, size: Size) -> Vec<Line> {
    let slow = Duration::from_millis(300);
    let mut lines = Vec::new();
    for (name, mode) in [
        ("black hole", Mode::Hold),
        ("delay of 300 ms", Mode::Delay(slow)),
        ("2 KB/s", Mode::Throttle(2048)),
        ("cut", Mode::Cut),
        ("reset", Mode::Reset),
    ] {
        let proxy = Proxy::to(&site.socket_file()).await;
        let service = site.service(&proxy.url(), &[]);
        let stage = Stage::of(&service).await;
        let (mut answers, mut back) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            proxy.set(mode);
            let calls = stage.calls_for(Duration::from_millis(500), Some(DEADLINE));
            answers.extend(calls.await.into_iter().map(|(_, took)| took));
            proxy.set(Mode::Pass);
            back.push(stage.back().await);
        }
        let promise = format!("{name}: no call outlives its deadline of 1 s by 100 ms");
        lines.push(Line::longest(&promise, &answers, 1100, size));
        lines.push(Line::longest(
            &format!("{name} over: back"),
            &back,
            2000,
            size,
        ));
    }
    lines
}

async fn frozen(site: &Site, rounds: u32, size: Size) -> Line {
    let service = site.service(&site.url(), &[]);
    let stage = Stage::of(&service).await;
    let mut answers = Vec::new();
    for _ in 0..rounds {
        site.tell_all(Signal::SIGSTOP);
        let calls = stage
            .calls_for(Duration::from_millis(500), Some(DEADLINE))
            .await;
        site.tell_all(Signal::SIGCONT);
        answers.extend(calls.into_iter().map(|(_, took)| took));
        stage.back().await;
    }
    let promise = "SIGSTOP of PostgreSQL: no call outlives its deadline of 1 s by 100 ms";
    Line::longest(promise, &answers, 1100, size)
}
