//! Callers who hang up in the middle of their calls, thousands of times.

use std::time::{Duration, Instant};

use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::CreateClientRequest;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::report::{Line, Size, millis};
use super::server::{PATIENCE, Serving, Site};
use super::wire::{Prepared, Wire};
use crate::support::{BUSY, client, nobody};

/// Connections of the service, each of which is to be whole afterwards.
const CONNECTIONS: usize = 8;
const CALLERS: usize = 32;
/// Calls on one connection before that is dropped too.
const CALLS: usize = 25;

pub(crate) async fn run(size: Size) -> Vec<Line> {
    let wanted = size.pick(400, 20_000);
    let site = Site::start(&[]).await;
    let connections = CONNECTIONS.to_string();
    let settings = [("CLIENTS_DATABASE_CONNECTIONS", connections.as_str())];
    let service = site.service(&site.url(), &settings);
    let organization = service.org("Propia").await;
    let actor = service.actor(Role::PlatformAdmin, Some(&organization));
    let made = actor.create(client("Ana")).await.expect("created");

    let mut organizations = vec![organization.clone()];
    while organizations.len() < CONNECTIONS {
        organizations.push(service.org("Ajena").await);
    }

    // From at once to as long as the callers together would take.
    let began = Instant::now();
    for _ in 0..20 {
        actor.get(&made.id).await.expect("found");
    }
    let longest = began.elapsed() / 20 * 10;

    let (stop, stopped) = oneshot::channel();
    let idle = tokio::spawn(longest_idle(site.superuser().await, stopped));
    let storm = (0..CALLERS).map(|caller| {
        let (address, organization) = (service.address.clone(), organization.clone());
        storm(
            caller,
            usize::div_ceil(wanted, CALLERS),
            longest,
            address,
            organization,
            made.id.clone(),
        )
    });
    let cancelled: usize = storm.collect::<JoinSet<_>>().join_all().await.iter().sum();
    // Writes run to their end.
    sleep(Duration::from_secs(2)).await;
    stop.send(()).expect("it watches");
    let idle = idle.await.expect("no panic");
    let left = left(&site).await;
    // The service's own heartbeat may be on one of them.
    let mut tries = Vec::new();
    while tries.len() < 3 && tries.last() != Some(&CONNECTIONS) {
        tries.push(whole(&site, &service, &organizations).await);
    }
    let written = "SELECT count(*) FROM clients";
    let written = site.superuser().await.query_one(written, &[]).await;
    let written: i64 = written.expect("asked").get(0);
    let limit = Duration::from_secs(1) + size.pick(BUSY, Duration::ZERO);
    let runs = format!("{cancelled} cancelled, {written} clients written");
    vec![
        Line::new(
            "cancel storm: no session idle in transaction",
            &runs,
            format!("longest {}", millis(idle)),
            &format!("≤ {}", millis(limit)),
            idle <= limit,
        ),
        Line::new(
            "cancel storm: nothing is left running",
            &runs,
            format!("{left} sessions not idle"),
            "0",
            left == 0,
        ),
        Line::new(
            "cancel storm: every connection of the pool can be used",
            &runs,
            format!("{tries:?} of {CONNECTIONS}"),
            "all",
            tries.last() == Some(&CONNECTIONS),
        ),
    ]
}

/// Makes calls and hangs up; how many had no answer yet.
async fn storm(
    caller: usize,
    wanted: usize,
    longest: Duration,
    address: String,
    organization: String,
    id: String,
) -> usize {
    let new = |call: usize| CreateClientRequest {
        request_id: if call.is_multiple_of(2) {
            nobody()
        } else {
            String::new()
        },
        ..client(&nobody())
    };
    let mut cancelled = 0;
    let mut wire = None;
    for call in 0..wanted * 5 {
        if cancelled == wanted {
            break;
        }
        if call % CALLS == 0 {
            // The old connection goes with a call on it.
            wire = Wire::open(&address).await;
        }
        let request = match call % 3 {
            0 => Prepared::get(&address, &organization, &id),
            1 => Prepared::list(&address, &organization),
            _ => Prepared::create_as(&address, &organization, &new(call)),
        };
        let share = u32::try_from((caller + call) % 40).expect("few");
        let patience = longest * share / 40;
        let Some(wire) = &wire else { continue };
        if timeout(patience, wire.call(&request)).await.is_err() {
            cancelled += 1;
        }
    }
    cancelled
}

const OURS: &str = "application_name = 'nvito-clients' AND datname = 'nvito_clients'";

/// The longest time that a session was seen idle in a transaction.
async fn longest_idle(
    superuser: tokio_postgres::Client,
    mut stop: oneshot::Receiver<()>,
) -> Duration {
    let longest = format!(
        "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - state_change)), 0)::float8
         FROM pg_stat_activity WHERE {OURS} AND state LIKE 'idle in transaction%'"
    );
    let mut most = Duration::ZERO;
    while stop.try_recv().is_err() {
        let row = superuser.query_one(&longest, &[]).await.expect("asked");
        most = most.max(Duration::from_secs_f64(row.get::<_, f64>(0).max(0.0)));
        sleep(Duration::from_millis(50)).await;
    }
    most
}

/// How many sessions still do something, but for what sorts in what was written.
async fn left(site: &Site) -> i64 {
    let left = format!(
        r#"SELECT count(*) FROM pg_stat_activity WHERE {OURS} AND state <> 'idle'
           AND query NOT LIKE 'SELECT "sort_in_trigrams"%'"#
    );
    let row = site.superuser().await.query_one(&left, &[]).await;
    row.expect("asked").get(0)
}

/// How many connections work at once, for as many organizations: one has no more than
/// its share of them.
async fn whole(site: &Site, service: &Serving, organizations: &[String]) -> usize {
    let wire = Wire::open(&service.address).await.expect("it accepts");
    let holder = site.superuser().await;
    let hold = "BEGIN; LOCK TABLE events";
    holder.batch_execute(hold).await.expect("held");
    let mut calls = JoinSet::new();
    for organization in organizations {
        let list = Prepared::list(&service.address, organization);
        let wire = wire.clone();
        calls.spawn(async move { wire.call(&list).await });
    }
    let waiting =
        format!("SELECT count(*) FROM pg_stat_activity WHERE {OURS} AND wait_event_type = 'Lock'");
    let began = Instant::now();
    let mut most = 0;
    while most < CONNECTIONS && began.elapsed() < Duration::from_millis(1500) {
        let row = holder.query_one(&waiting, &[]).await.expect("asked");
        most = most.max(usize::try_from(row.get::<_, i64>(0)).expect("few"));
    }
    holder.batch_execute("COMMIT").await.expect("released");
    let answered = timeout(PATIENCE, calls.join_all()).await.expect("in time");
    for heard in answered.iter().filter(|heard| !heard.is_ok()) {
        println!("not answered: {}, {most} waited", heard.reason());
    }
    let answered = answered.iter().filter(|heard| heard.is_ok());
    answered.count().min(most)
}
