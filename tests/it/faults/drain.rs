//! SIGTERM while a thousand calls a second come in.

use std::collections::HashSet;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::report::{Line, Size};
use super::server::{PATIENCE, Serving, Site};
use super::wire::{Heard, Prepared, Wire};
use crate::support::nobody;

/// What calls in flight are given.
const DRAIN: Duration = Duration::from_secs(1);
/// Connections; each makes a call every so often.
const WIRES: usize = 10;
/// A call is on its way to the service this long after it was made.
const UNDER_WAY: Duration = Duration::from_millis(20);

struct Call {
    /// What it creates, if it does.
    name: Option<String>,
    sent: Instant,
    ended: Instant,
    heard: Heard,
}

#[derive(Default)]
struct Seen {
    exits: Vec<Duration>,
    calls: usize,
    in_flight: usize,
    lost: Vec<String>,
    /// Answered with no word that is to be expected.
    otherwise: Vec<String>,
    overloaded: usize,
    /// Acknowledged and not there; not acknowledged and there.
    untrue: Vec<String>,
}

pub(crate) async fn run(size: Size) -> Vec<Line> {
    let rounds = size.pick(1, 50);
    let each = Duration::from_millis(size.pick(100, 10));
    let site = Site::start(&[]).await;
    let seconds = DRAIN.as_secs().to_string();
    let mut service = site.service(&site.url(), &[("CLIENTS_DRAIN_SECONDS", seconds.as_str())]);
    let organization = service.org("Propia").await;
    let mut seen = Seen::default();
    for round in 0..rounds {
        if round > 0 {
            service.again(&site);
        }
        once(&site, &mut service, &organization, each, &mut seen).await;
    }
    let runs = format!(
        "{rounds} × SIGTERM, {} calls, {} in flight",
        seen.calls, seen.in_flight
    );
    let lost = format!("{} lost {:?}", seen.lost.len(), seen.lost.first());
    let otherwise = format!("{} {:?}", seen.otherwise.len(), seen.otherwise.first());
    let untrue = format!("{} {:?}", seen.untrue.len(), seen.untrue.first());
    let overloaded = format!("{runs}, {} overloaded", seen.overloaded);
    vec![
        Line::new(
            "SIGTERM under 1 000 calls/s: calls in flight lost",
            &runs,
            lost,
            "0",
            seen.lost.is_empty(),
        ),
        Line::new(
            "SIGTERM: told otherwise than OK, SHUTTING_DOWN, SERVER_OVERLOADED",
            &overloaded,
            otherwise,
            "0",
            seen.otherwise.is_empty(),
        ),
        Line::new(
            "SIGTERM: writes that are not as they were told",
            &runs,
            untrue,
            "0",
            seen.untrue.is_empty(),
        ),
        Line::longest("SIGTERM, drain of 1 s: gone", &seen.exits, 1500, size),
    ]
}

async fn once(
    site: &Site,
    service: &mut Serving,
    organization: &str,
    each: Duration,
    seen: &mut Seen,
) {
    // Who says nothing, and who only listens, are to hold nothing up.
    let silent = TcpStream::connect(&service.address).expect("it accepts");
    let greeted = Wire::open(&service.address).await.expect("it accepts");
    let mut watch = HealthClient::new(service.process.channel().await);
    let watch = watch
        .watch(HealthCheckRequest::default())
        .await
        .expect("told");

    let stop = Arc::new(AtomicBool::new(false));
    let callers = (0..WIRES).map(|_| {
        let (address, organization) = (service.address.clone(), organization.to_owned());
        calls(address, organization, each, Arc::clone(&stop))
    });
    let callers: JoinSet<_> = callers.collect();
    sleep(Duration::from_millis(600)).await;
    let signal = Instant::now();
    service.process.tell(Signal::SIGTERM);
    let ended = service.process.ends(PATIENCE).await;
    seen.exits.push(signal.elapsed());
    if ended.code() != Some(0) {
        seen.otherwise.push(format!("{ended}"));
    }
    stop.store(true, Ordering::Relaxed);
    let told: Vec<Call> = callers.join_all().await.into_iter().flatten().collect();
    drop((silent, greeted, watch));

    let names = site
        .superuser()
        .await
        .query("SELECT name FROM clients", &[])
        .await;
    let names: HashSet<String> = names.expect("read").iter().map(|row| row.get(0)).collect();
    for call in told {
        seen.calls += 1;
        let reason = call.heard.reason();
        if call.sent + UNDER_WAY < signal && signal < call.ended {
            seen.in_flight += 1;
            if !["OK", "SERVER_OVERLOADED"].contains(&reason) {
                seen.lost.push(reason.to_owned());
            }
        }
        seen.overloaded += usize::from(reason == "SERVER_OVERLOADED");
        // Whoever asks later may also find nobody.
        let silence = reason == "no answer" && signal < call.sent + UNDER_WAY;
        if !silence && !["OK", "SHUTTING_DOWN", "SERVER_OVERLOADED"].contains(&reason) {
            seen.otherwise.push(reason.to_owned());
        }
        let Some(name) = &call.name else { continue };
        let there = names.contains(name);
        if there != call.heard.is_ok() {
            let after = call.sent.saturating_duration_since(signal);
            seen.untrue.push(format!(
                "{reason}, there: {there}, sent {after:?} after the signal"
            ));
        }
    }
}

/// Makes a call every so often until told to stop; every fourth writes.
async fn calls(
    address: String,
    organization: String,
    each: Duration,
    stop: Arc<AtomicBool>,
) -> Vec<Call> {
    let wire = Wire::open(&address).await.expect("it accepts");
    let mut made = JoinSet::new();
    let mut next = interval(each);
    for turn in 0_u32.. {
        next.tick().await;
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let name = turn.is_multiple_of(4).then(nobody);
        let call = match &name {
            Some(name) => Prepared::create(&address, &organization, name),
            None => Prepared::list(&address, &organization),
        };
        let (wire, sent) = (wire.clone(), Instant::now());
        made.spawn(async move {
            let (heard, _) = wire.timed(&call).await;
            let ended = Instant::now();
            Call {
                name,
                sent,
                ended,
                heard,
            }
        });
    }
    made.join_all().await
}
