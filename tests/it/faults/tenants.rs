//! One tenant that calls as fast as it can, and what its neighbours feel.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::overload::{connections, flood, mix, wires};
use super::report::{Line, Size, quantile};
use super::server::Site;
use super::wire::{Prepared, Wire};

/// Tenants with a modest rate each, in calls a second.
const TENANTS: u8 = 7;
const RATE: f64 = 15.0;
/// How often they call alone, and then beside the flood; every call counts.
const ROUNDS: usize = 5;
/// Calls that the flood has under way, on so many connections.
const FLOOD: usize = 200;
const WIRES: usize = 10;

pub(crate) async fn run(size: Size) -> Vec<Line> {
    let time = Duration::from_secs(size.pick(1, 8));
    let site = Site::start(&[]).await;
    let seeded = site
        .seeded(size.pick(8, 50), size.pick(2_000, 100_000))
        .await;
    let service = site.service(
        &site.url(),
        &[("CLIENTS_DATABASE_CONNECTIONS", &connections())],
    );
    let mut tenants = Vec::new();
    for organization in &seeded[..usize::from(TENANTS)] {
        let calls = mix(&service, organization).await;
        tenants.push((wires(&service, 1).await, calls));
    }
    let noisy_calls = mix(&service, &seeded[usize::from(TENANTS)]).await;
    let noisy_wires = wires(&service, WIRES).await;

    // The first calls open connections and plan statements.
    measured(&tenants, time / 2).await;
    let (mut refused, mut flooded) = (0, 0);
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.extend(measured(&tenants, time).await.0);
        let quiet = Arc::new(AtomicBool::new(false));
        let callers = (0..FLOOD).map(|caller| {
            let (wire, calls) = (
                noisy_wires[caller % WIRES].clone(),
                Arc::clone(&noisy_calls),
            );
            noise(wire, calls, caller, Arc::clone(&quiet))
        });
        let callers: JoinSet<_> = callers.collect();
        let (times, not_ok) = measured(&tenants, time).await;
        quiet.store(true, Ordering::Relaxed);
        flooded += callers.join_all().await.iter().sum::<usize>();
        refused += not_ok;
        beside.extend(times);
    }

    let asked = beside.len();
    let runs = format!("{TENANTS} tenants, {asked} calls beside {flooded}, {ROUNDS} rounds");
    let (alone, beside) = (quantile(&mut alone, 990), quantile(&mut beside, 990));
    vec![
        Line::new(
            "one tenant floods: the others' p99",
            &runs,
            format!("{beside:.1?} after {alone:.1?}"),
            "≤ 2×",
            beside <= alone * 2,
        )
        .measured(),
        Line::new(
            "one tenant floods: the others are answered",
            &runs,
            format!("{refused} not OK"),
            "0",
            refused == 0,
        )
        .measured(),
    ]
}

/// The times of all tenants' calls, and how many were not OK.
async fn measured(
    tenants: &[(Vec<Wire>, Arc<[Prepared]>)],
    time: Duration,
) -> (Vec<Duration>, usize) {
    let calls = tenants.iter().cloned().enumerate();
    let calls = calls.map(|(number, (wires, calls))| async move {
        // They do not call in step.
        let each = Duration::from_secs(1).div_f64(RATE * f64::from(TENANTS));
        sleep(each * u32::try_from(number).expect("few")).await;
        flood(&wires, &calls, RATE, time).await
    });
    let told = calls.collect::<JoinSet<_>>().join_all().await;
    let told: Vec<_> = told.into_iter().flatten().collect();
    let refused = told.iter().filter(|told| !told.heard.is_ok()).count();
    (told.into_iter().map(|told| told.after).collect(), refused)
}

async fn noise(wire: Wire, calls: Arc<[Prepared]>, caller: usize, quiet: Arc<AtomicBool>) -> usize {
    let mut made = 0;
    while !quiet.load(Ordering::Relaxed) {
        wire.call(&calls[(caller + made) % calls.len()]).await;
        made += 1;
    }
    made
}
