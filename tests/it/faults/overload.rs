//! Five times as many calls as the service can answer.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nvito_clients::domain::principal::Role;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;

use super::report::{Line, Size, millis, quantile};
use super::server::{Serving, Site};
use super::wire::{Heard, Prepared, Wire};
use crate::support::client;

/// Connections of the callers.
const WIRES: usize = 20;
/// Calls at once that find the peak.
const AT_ONCE: usize = 24;
/// How long callers of the flood wait.
const DEADLINE: Duration = Duration::from_secs(2);

/// Twenty gets, eight lists and four creations, ready to be sent.
pub(crate) async fn mix(service: &Serving, organization: &str) -> Arc<[Prepared]> {
    let actor = service.actor(Role::PlatformAdmin, Some(organization));
    let mut ids = Vec::new();
    for name in ["Ana", "Eva", "Luz", "Sol"] {
        ids.push(actor.create(client(name)).await.expect("created").id);
    }
    let address = &service.address;
    let calls = (0..32).map(|turn| match turn % 8 {
        0 => Prepared::create(address, organization, "Mar"),
        1 | 2 => Prepared::list(address, organization),
        _ => Prepared::get(address, organization, &ids[turn % 4]),
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

/// Sends so many calls a second, whatever is answered, and says what was heard
/// and how long after the time that each was due.
pub(crate) async fn flood(
    wires: &[Wire],
    calls: &Arc<[Prepared]>,
    rate: f64,
    time: Duration,
) -> Vec<(Heard, Duration)> {
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
                    (heard, due.elapsed())
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

pub(crate) async fn run(size: Size) -> Vec<Line> {
    let time = Duration::from_secs(size.pick(1, 15));
    let site = Site::start(&[]).await;
    let seeded = site
        .seeded(size.pick(4, 50), size.pick(2_000, 100_000))
        .await;
    let service = site.service(&site.url(), &[]);
    let mut calls = Vec::new();
    for organization in &seeded[..4] {
        calls.extend(mix(&service, organization).await.iter().cloned());
    }
    let calls: Arc<[Prepared]> = calls.into();
    let wires = wires(&service, WIRES).await;
    // The first calls open connections and plan statements.
    peak(&wires, &calls, time / 2).await;
    let peak = peak(&wires, &calls, time).await;
    let before = processor();
    let (told, mut health) = tokio::join!(
        flood(&wires, &calls, peak * 5.0, time),
        health(&service, time)
    );
    let spent = f64::from(processor() - before) / 100.0 / time.as_secs_f64();
    let (mut good, mut malformed) = (0_u32, Vec::new());
    for (heard, after) in &told {
        let refused = heard.is(Code::ResourceExhausted, "SERVER_OVERLOADED");
        if heard.is_ok() {
            good += u32::from(*after <= DEADLINE);
        } else if !refused {
            malformed.push(heard.reason());
        }
    }
    malformed.sort_unstable();
    let otherwise = malformed.len();
    malformed.dedup();
    let good = f64::from(good) / time.as_secs_f64();
    let share = good / peak * 100.0;
    let runs = format!(
        "{} calls, 5 × {peak:.0}/s; callers took {spent:.2} cores",
        told.len()
    );
    let asked = health.len();
    let health = quantile(&mut health, 990);
    vec![
        Line::new(
            "overload 5×: goodput of the peak",
            &runs,
            format!("{share:.0} % ({good:.0}/s)"),
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
