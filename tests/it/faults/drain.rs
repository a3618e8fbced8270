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
/// Connections, and the time between two calls on each.
const WIRES: usize = 10;
const EACH: Duration = Duration::from_millis(10);
/// A call is on its way to the service this long after it was made.
const UNDER_WAY: Duration = Duration::from_millis(20);

struct Call {
    name: String,
    sent: Instant,
    heard: Heard,
}

#[derive(Default)]
struct Seen {
    exits: Vec<Duration>,
    calls: usize,
    in_flight: usize,
    lost: Vec<String>,
    /// Answered otherwise after the signal than OK, SHUTTING_DOWN or not at all.
    otherwise: Vec<String>,
    /// Acknowledged and not there; not acknowledged and there.
    untrue: usize,
}

pub(crate) async fn run(size: Size) -> Vec<Line> {
    let rounds = size.pick(1, 50);
    let site = Site::start(&[]).await;
    let seconds = DRAIN.as_secs().to_string();
    let mut service = site.service(&site.url(), &[("CLIENTS_DRAIN_SECONDS", seconds.as_str())]);
    let organization = service.org("Propia").await;
    let mut seen = Seen::default();
    for round in 0..rounds {
        if round > 0 {
            service.again(&site);
        }
        once(&site, &mut service, &organization, &mut seen).await;
    }
    let runs = format!(
        "{rounds} × SIGTERM, {} calls, {} in flight",
        seen.calls, seen.in_flight
    );
    let lost = format!("{} lost {:?}", seen.lost.len(), seen.lost.first());
    let otherwise = format!("{} {:?}", seen.otherwise.len(), seen.otherwise.first());
    vec![
        Line::new(
            "SIGTERM under 1 000 calls/s: calls in flight lost",
            &runs,
            lost,
            "0",
            seen.lost.is_empty(),
        ),
        Line::new(
            "SIGTERM: told otherwise than OK, SHUTTING_DOWN or no answer",
            &runs,
            otherwise,
            "0",
            seen.otherwise.is_empty(),
        ),
        Line::new(
            "SIGTERM: writes that are not as they were told",
            &runs,
            seen.untrue,
            "0",
            seen.untrue == 0,
        ),
        Line::longest("SIGTERM, drain of 1 s: gone", &seen.exits, 1500),
    ]
}

async fn once(site: &Site, service: &mut Serving, organization: &str, seen: &mut Seen) {
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
        calls(
            service.address.clone(),
            organization.to_owned(),
            Arc::clone(&stop),
        )
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
        let under_way = call.sent + UNDER_WAY < signal;
        seen.in_flight += usize::from(under_way && call.sent + Duration::from_millis(100) > signal);
        if under_way && !call.heard.is_ok() {
            seen.lost.push(call.heard.reason().to_owned());
        }
        let reason = call.heard.reason();
        if !["OK", "SHUTTING_DOWN", "no answer"].contains(&reason) {
            seen.otherwise.push(reason.to_owned());
        }
        seen.untrue += usize::from(names.contains(&call.name) != call.heard.is_ok());
    }
}

/// Makes a call every [`EACH`] until told to stop or the connection is gone.
async fn calls(address: String, organization: String, stop: Arc<AtomicBool>) -> Vec<Call> {
    let wire = Wire::open(&address).await.expect("it accepts");
    let mut made = JoinSet::new();
    let mut next = interval(EACH);
    while !stop.load(Ordering::Relaxed) {
        next.tick().await;
        let name = nobody();
        let call = Prepared::create(&address, &organization, &name);
        let (wire, sent) = (wire.clone(), Instant::now());
        made.spawn(async move {
            let (heard, _) = wire.timed(&call).await;
            Call { name, sent, heard }
        });
    }
    made.join_all().await
}
