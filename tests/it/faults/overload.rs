//! Five times as many calls as the service can answer.

use std::fs;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::{ClientPatch, ListClientsRequest};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;

use super::cores::Apart;
use super::report::{Line, Size, millis, quantile};
use super::server::{Serving, Site};
use super::wire::{Heard, Prepared, Wire};

/// Connections of the callers.
const WIRES: usize = 20;
/// Calls at once that find the peak.
const AT_ONCE: usize = 24;
/// How long callers of the flood wait.
const DEADLINE: Duration = Duration::from_secs(2);

/// Connections to PostgreSQL: as many as its cores can keep at work.
pub(crate) fn connections() -> String {
    let cores = available_parallelism().map_or(1, usize::from);
    (2 * cores + 2).to_string()
}

/// The kinds of calls in a mix.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Get,
    List,
    Update,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Get, Self::List, Self::Update];

    /// What the call of this number is.
    fn of(turn: usize) -> Self {
        match turn % 8 {
            0 => Self::Update,
            1 | 2 => Self::List,
            _ => Self::Get,
        }
    }
}

/// What became of a call of a flood.
pub(crate) struct Told {
    turn: usize,
    pub(crate) heard: Heard,
    /// After the moment when it was due.
    pub(crate) after: Duration,
}

/// For each of a hundred clients ten gets, four lists and two updates, ready
/// to be sent. Nothing grows, so it costs at the end what it costs at first.
pub(crate) async fn mix(service: &Serving, organization: &str) -> Arc<[Prepared]> {
    let actor = service.actor(Role::PlatformAdmin, Some(organization));
    let request = ListClientsRequest {
        limit: 100,
        ..ListClientsRequest::default()
    };
    let clients = actor.list(request).await.expect("listed").clients;
    let address = &service.address;
    let calls = (0..16 * clients.len()).map(|turn| {
        let client = &clients[turn / 16];
        match Kind::of(turn) {
            Kind::Update => {
                let said = Some(format!("Luz {}", turn % 16));
                let mut patch = ClientPatch::default();
                // A write that goes alone, or one that goes with others.
                if turn / 16 % 2 == 0 {
                    patch.name = said;
                } else {
                    patch.notes = said;
                }
                Prepared::update(address, organization, client, patch)
            }
            Kind::List => Prepared::list(address, organization),
            Kind::Get => Prepared::get(address, organization, &client.id),
        }
    });
    calls.map(|call| call.within(DEADLINE)).collect()
}

/// Connections to a service.
pub(crate) async fn wires(service: &Serving, count: usize) -> Vec<Wire> {
    let mut wires = Vec::new();
    for _ in 0..count {
        wires.push(Wire::open(&service.address).await.expect("it accepts"));
    }
    wires
}

/// Answers a second of so many callers who wait for each answer.
async fn peak(wires: &[Wire], calls: &Arc<[Prepared]>, time: Duration) -> f64 {
    let began = Instant::now();
    let callers = (0..AT_ONCE).map(|caller| {
        let (wire, calls) = (wires[caller % wires.len()].clone(), Arc::clone(calls));
        async move {
            let mut answered = 0_u32;
            for turn in caller.. {
                if began.elapsed() > time {
                    break;
                }
                answered += u32::from(wire.call(&calls[turn % calls.len()]).await.is_ok());
            }
            answered
        }
    });
    let answered: u32 = callers
        .collect::<JoinSet<_>>()
        .join_all()
        .await
        .iter()
        .sum();
    f64::from(answered) / time.as_secs_f64()
}

/// Sends so many calls a second, whatever is answered.
pub(crate) async fn flood(
    wires: &[Wire],
    calls: &Arc<[Prepared]>,
    rate: f64,
    time: Duration,
) -> Vec<Told> {
    let began = tokio::time::Instant::now();
    let each = Duration::from_secs_f64(f64::from(u32::try_from(wires.len()).expect("few")) / rate);
    let senders = wires.iter().enumerate().map(|(number, wire)| {
        let (wire, calls) = (wire.clone(), Arc::clone(calls));
        let offset = each * u32::try_from(number).expect("few") / 20;
        async move {
            let mut sent = JoinSet::new();
            let mut due = began + offset;
            for turn in number.. {
                if due - began > time {
                    break;
                }
                sleep_until(due).await;
                let (wire, call) = (wire.clone(), calls[turn % calls.len()].clone());
                sent.spawn(async move {
                    let (heard, _) = wire.timed(&call).await;
                    let after = due.elapsed();
                    Told { turn, heard, after }
                });
                due += each;
            }
            sent.join_all().await
        }
    });
    let all = senders.collect::<JoinSet<_>>().join_all().await;
    all.into_iter().flatten().collect()
}

/// Asks every 10 ms how the service is, on a connection of its own.
async fn health(service: &Serving, time: Duration) -> Vec<Duration> {
    let wire = Wire::open(&service.address).await.expect("it accepts");
    let method = "grpc.health.v1.Health/Check";
    let call = Prepared::new(&service.address, "", method, &HealthCheckRequest::default());
    let began = Instant::now();
    let mut times = Vec::new();
    while began.elapsed() < time {
        times.push(wire.timed(&call).await.1);
        sleep(Duration::from_millis(10)).await;
    }
    times
}

/// Processor time of this process so far, in hundredths of a second.
fn processor() -> u32 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    let after = stat.rsplit(") ").next().expect("a state");
    let ticks = after.split(' ').skip(11).take(2);
    ticks
        .map(|field| field.parse::<u32>().expect("ticks"))
        .sum()
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).expect("few"))
}

pub(crate) async fn run(size: Size) -> Vec<Line> {
    let time = Duration::from_secs(size.pick(1, 15));
    let site = Site::start(&[]).await;
    let seeded = site
        .seeded(size.pick(4, 50), size.pick(2_000, 100_000))
        .await;
    let service = site.service(
        &site.url(),
        &[("CLIENTS_DATABASE_CONNECTIONS", &connections())],
    );
    let mut calls = Vec::new();
    for organization in &seeded[..4] {
        calls.extend(mix(&service, organization).await.iter().cloned());
    }
    let calls: Arc<[Prepared]> = calls.into();
    let wires = wires(&service, WIRES).await;
    let _apart = (size == Size::Long).then(|| Apart::keep(&site, &service));
    // The first calls open connections and plan statements.
    peak(&wires, &calls, time / 2).await;
    let mut alone = [0.0; Kind::ALL.len()];
    for (kind, alone) in Kind::ALL.into_iter().zip(&mut alone) {
        let these = calls
            .iter()
            .enumerate()
            .filter(|(turn, _)| Kind::of(*turn) == kind);
        let these = these.map(|(_, call)| call.clone()).collect();
        *alone = peak(&wires, &these, time / 3).await;
    }
    let peak = peak(&wires, &calls, time).await;
    let before = processor();
    let (told, mut health) = tokio::join!(
        flood(&wires, &calls, peak * 5.0, time),
        health(&service, time)
    );
    let spent = f64::from(processor() - before) / 100.0 / time.as_secs_f64();
    let good = told
        .iter()
        .filter(|told| told.heard.is_ok() && told.after <= DEADLINE);
    let good: Vec<_> = good.map(|told| Kind::of(told.turn)).collect();
    // Under a flood writes are served first, and they are dear: what is done
    // is weighed by what each kind of call costs when it is alone.
    let mut done = 0.0;
    let mut kinds = 0.0;
    for (kind, alone) in Kind::ALL.into_iter().zip(alone) {
        let served = good.iter().filter(|good| **good == kind).count();
        let usual = (0..8).filter(|turn| Kind::of(*turn) == kind).count();
        done += count(served) / time.as_secs_f64() / alone;
        kinds += peak * count(usual) / 8.0 / alone;
    }
    let share = done / kinds * 100.0;
    let rate = count(good.len()) / time.as_secs_f64();
    let refused = |heard: &Heard| heard.is(Code::ResourceExhausted, "SERVER_OVERLOADED");
    let otherwise = told
        .iter()
        .map(|told| &told.heard)
        .filter(|heard| !heard.is_ok() && !refused(heard));
    let mut malformed: Vec<_> = otherwise.map(Heard::reason).collect();
    malformed.sort_unstable();
    let otherwise = malformed.len();
    malformed.dedup();
    let runs = format!(
        "{} calls, 5 × {peak:.0}/s; callers took {spent:.2} cores",
        told.len()
    );
    let asked = health.len();
    let health = quantile(&mut health, 990);
    vec![
        Line::new(
            "overload 5×: goodput of the peak, by what each call costs",
            &runs,
            format!("{share:.0} % ({rate:.0}/s)"),
            "≥ 80 %",
            share >= 80.0,
        )
        .measured(),
        Line::new(
            "overload 5×: health, p99",
            asked,
            millis(health),
            "≤ 50 ms",
            health <= Duration::from_millis(50),
        )
        .measured(),
        Line::new(
            "overload 5×: refused with RESOURCE_EXHAUSTED, SERVER_OVERLOADED and RetryInfo",
            &runs,
            format!("{otherwise} otherwise {malformed:?}"),
            "0",
            otherwise == 0,
        )
        .measured(),
    ]
}
