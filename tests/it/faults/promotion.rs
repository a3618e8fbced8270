//! A primary that dies under load, and its standby that is promoted.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nvito_clients::domain::principal::Role;
use tokio::time::sleep;
use tonic::Code;

use super::ledger;
use super::load::{Load, PAUSE};
use super::proxy::{Mode, Proxy};
use super::report::{Line, Size};
use super::server::{PATIENCE, pair};
use crate::support::{client, patiently};

pub(crate) async fn run(size: Size) -> Vec<Line> {
    let mut lines = Vec::new();
    for by_proxy in [false, true] {
        let (mut times, mut others) = (Vec::new(), Vec::new());
        for _ in 0..size.pick(1, 5) {
            let (time, more) = once(by_proxy).await;
            times.push(time);
            others.extend(more);
        }
        let how = if by_proxy { "one address" } else { "two hosts" };
        let promise = format!("standby promoted, {how}: writes accepted");
        lines.push(Line::longest(&promise, &times, 5000, size));
        lines.extend(others);
    }
    lines
}

/// How long writes took to come back after the promotion, and what else was seen.
async fn once(by_proxy: bool) -> (Duration, Vec<Line>) {
    let (mut primary, standby) = pair().await;
    // Nothing that is acknowledged can be lost with the primary.
    let superuser = primary.superuser().await;
    for wait in [
        "ALTER SYSTEM SET synchronous_standby_names = '*'",
        "SELECT pg_reload_conf()",
    ] {
        superuser.batch_execute(wait).await.expect("set");
    }
    let proxy = Proxy::to(&primary.socket_file()).await;
    let url = if by_proxy {
        proxy.url()
    } else {
        format!(
            "host={},{} user=nvito_clients dbname=nvito_clients target_session_attrs=read-write",
            primary.socket().display(),
            standby.socket().display()
        )
    };
    let service = primary.service(&url, &[]);
    let organization = service.org("Propia").await;
    let load = Load::start(&service.address, &organization, 8, PAUSE);
    sleep(Duration::from_millis(700)).await;
    primary.crash(Signal::SIGQUIT).await;
    let mut lines = Vec::new();
    if by_proxy {
        // The address already leads to the standby, which takes no writes yet.
        proxy.lead_to(&standby.socket_file());
        proxy.set(Mode::Cut);
        proxy.set(Mode::Pass);
        sleep(Duration::from_millis(200)).await;
        let actor = service.actor(Role::PlatformAdmin, Some(&organization));
        let failure = patiently(|| actor.create(client("Ana"))).await;
        let failure = failure.expect_err("read only");
        let held = failure.code == Code::Unavailable
            && failure.reason == "DATABASE_READ_ONLY"
            && failure.details.retry_info().is_some();
        let seen = format!("{} {}", failure.code as i32, failure.reason);
        let promise = "25006, a standby: UNAVAILABLE, DATABASE_READ_ONLY with RetryInfo";
        lines.push(Line::new(promise, 1, seen, "always", held));
    }
    let superuser = standby.superuser().await;
    let promoted = superuser.query_one("SELECT pg_promote()", &[]).await;
    assert!(promoted.expect("asked").get::<_, bool>(0), "promoted");
    let began = Instant::now();
    let before = load.acknowledged();
    while load.acknowledged() < before + 20 && began.elapsed() < Duration::from_secs(10) {
        sleep(Duration::from_millis(20)).await;
    }
    let record = load.end().await;
    let first = record
        .acknowledged_at
        .iter()
        .filter(|at| **at > began)
        .min();
    let time = first.map_or(PATIENCE, |at| *at - began);
    let verdict = ledger::check(&standby.superuser().await, &record).await;
    lines.extend(verdict.lines("acknowledged writes survive", "1 × promotion", 20));
    (time, lines)
}
