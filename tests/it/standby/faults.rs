//! A standby that fails: no call fails with it.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::{ListClientsRequest, SummarizeClientsRequest};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{LONG, Stand, Told, get, rename, told};
use crate::faults::server::{Site, joined};
use crate::support::{Actor, client, until};

/// Leaves some of the machine to other tests.
const PAUSE: Duration = Duration::from_millis(3);

/// Reads for `time` by so many callers; all must succeed.
async fn reads(stand: &Stand, id: &str, callers: usize, time: Duration) -> Vec<Told> {
    let mut reading = JoinSet::new();
    for _ in 0..callers {
        let (lax, id) = (stand.lax(LONG), id.to_owned());
        reading.spawn(async move {
            let (began, mut all) = (Instant::now(), Vec::new());
            while began.elapsed() < time {
                let (told, _) = get(&lax, &id).await.expect("no call fails");
                all.push(told);
                sleep(PAUSE).await;
            }
            all
        });
    }
    reading.join_all().await.concat()
}

async fn served_by_standby(actor: &Actor, id: &str) -> bool {
    let (told, _) = get(actor, id).await.expect("there");
    told.by_standby()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_standby_fails_no_call() {
    let mut stand = Stand::start().await;
    let made = stand.client("Ana").await;
    let postmaster = stand.standby.postmaster();
    let (seen, ()) = tokio::join!(reads(&stand, &made.id, 4, Duration::from_secs(3)), async {
        sleep(Duration::from_secs(1)).await;
        nix::sys::signal::kill(postmaster, Signal::SIGQUIT).expect("mine");
    });
    assert!(seen.iter().any(Told::by_standby) && seen.last().is_some_and(Told::by_primary));
    stand.standby.ended().await;
    stand.standby.up().await;
    let lax = stand.lax("5s");
    until(async || served_by_standby(&lax, &made.id).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_standby_fails_no_call_within_its_deadline() {
    let stand = Stand::start().await;
    let made = stand.client("Ana").await;
    stand.standby.tell_all(Signal::SIGSTOP);
    let began = Instant::now();
    let mut calls = JoinSet::new();
    for milliseconds in [500, 1000, 2000, 10_000] {
        let (lax, id) = (stand.lax(LONG), made.id.clone());
        calls.spawn(async move {
            let request = nvito_clients::grpc::proto::GetClientRequest {
                id,
                show_deleted: false,
            };
            let mut request = tonic::Request::new(request);
            request.set_timeout(Duration::from_millis(milliseconds));
            let answer = lax.clients().get_client(request).await;
            told(&answer.expect("in time"))
        });
    }
    let answers = calls.join_all().await;
    assert!(answers.iter().all(Told::by_primary), "{answers:?}");
    // Once it is known to be silent, nobody waits for it any more.
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    until(async || {
        let asked = Instant::now();
        get(&stand.lax(LONG), &made.id).await.expect("answered");
        asked.elapsed() < Duration::from_millis(100)
    })
    .await;
    stand.standby.tell_all(Signal::SIGCONT);
    let lax = stand.lax("5s");
    until(async || served_by_standby(&lax, &made.id).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_standby_is_not_read_from() {
    let stand = Stand::start().await;
    let made = stand.client("Ana").await;
    let standby = stand.standby.superuser().await;
    let promote = standby.query_one("SELECT pg_promote()", &[]).await;
    assert!(promote.expect("asked").get::<_, bool>(0));
    rename(&stand.strict(), &made.id, "Eva").await;
    let lax = stand.lax(LONG);
    until(async || !served_by_standby(&lax, &made.id).await).await;
    for _ in 0..50 {
        let (told, seen) = get(&lax, &made.id).await.expect("there");
        assert!(told.by_primary(), "{told:?}");
        assert_eq!(seen.name, "Eva");
        sleep(Duration::from_millis(50)).await;
    }
}

/// It would be further and further behind in the metrics, and an alert stay on after a failover.
#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_standby_is_behind_nothing() {
    let mut stand = Stand::start().await;
    stand.client("Ana").await;
    assert!(stand.has_staleness());
    let standby = stand.standby.superuser().await;
    let promote = standby.query_one("SELECT pg_promote()", &[]).await;
    assert!(promote.expect("asked").get::<_, bool>(0));
    until(async || !stand.has_staleness()).await;
    // It is asked again every second.
    for _ in 0..50 {
        assert!(!stand.has_staleness());
        sleep(Duration::from_millis(50)).await;
    }
    // Of one that is merely away nobody knows what it is.
    stand.standby.crash(Signal::SIGQUIT).await;
    until(async || stand.has_staleness()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_with_recovery_is_not_the_callers() {
    let stand = Stand::start().await;
    let made = stand.client("Ana").await;
    let standby = stand.standby.superuser().await;
    for at_once in [
        "ALTER SYSTEM SET max_standby_streaming_delay = 0",
        "SELECT pg_reload_conf()",
    ] {
        standby.batch_execute(at_once).await.expect("set");
    }
    // Whoever reads on the standby is in the way of this lock, and is cancelled.
    let primary = stand.primary.superuser().await;
    let locking = tokio::spawn(async move {
        loop {
            let lock = "BEGIN; LOCK TABLE clients IN ACCESS EXCLUSIVE MODE; COMMIT";
            primary.batch_execute(lock).await.expect("locked");
            sleep(Duration::from_millis(3)).await;
        }
    });
    let mut calls = JoinSet::new();
    for _ in 0..4 {
        let (lax, id) = (stand.lax(LONG), made.id.clone());
        calls.spawn(async move {
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(4) {
                let list = lax.list(ListClientsRequest::default()).await;
                list.expect("no call fails");
                let summary = SummarizeClientsRequest::default();
                let summary = lax.clients().summarize_clients(summary).await;
                summary.expect("no call fails");
                get(&lax, &id).await.expect("no call fails");
                sleep(PAUSE).await;
            }
        });
    }
    calls.join_all().await;
    locking.abort();
    let conflicts = "SELECT sum(confl_lock) > 0 FROM pg_stat_database_conflicts";
    until(async || super::number(&standby, conflicts).await).await;
    let failed = r#"nvito_clients_standby_fallbacks_total{why="failed"} "#;
    assert!(stand.counted(failed) > 0.0);
}

/// Asserts that a service on `primary` says `why` and never reads at `standby`.
async fn not_read_from(primary: &Site, standby: &Site, why: &str) {
    let url = standby.url();
    let service = primary.service(&primary.url(), &[("CLIENTS_STANDBY_URL", &url)]);
    let organization = service.org("Propia").await;
    let admin = service.actor(Role::PlatformAdmin, Some(&organization));
    let made = admin.create(client("Ana")).await.expect("made");
    let lax = admin.saying("x-max-staleness", LONG);
    let (began, mut said) = (Instant::now(), false);
    while began.elapsed() < Duration::from_secs(3) || !said {
        let (told, _) = get(&lax, &made.id).await.expect("there");
        assert!(told.by_primary(), "{told:?}");
        let list = ListClientsRequest::default();
        let list = lax.clients().list_clients(list).await.expect("listed");
        assert!(super::told(&list).by_primary(), "{why}");
        said = service.process.log().contains(why);
        assert!(began.elapsed() < Duration::from_secs(20), "{why}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_is_no_standby_is_not_read_from() {
    let primary = Site::start(&[]).await;
    not_read_from(&primary, &primary, "it is no standby").await;
}

#[tokio::test]
async fn a_standby_of_another_database_is_not_read_from() {
    let primary = Site::start(&[]).await;
    let mut other = Site::foreign();
    other.up().await;
    other.shut().await;
    let foreign = joined(&mut other).await;
    not_read_from(&primary, &foreign, "it is a standby of another database").await;
}

/// As after a failover: the standby has what was lost with the old primary.
#[tokio::test]
async fn a_standby_with_a_history_of_its_own_is_not_read_from() {
    let mut lost = Site::start(&[]).await;
    lost.shut().await;
    let mut promoted = lost.copy();
    promoted.up().await;
    let standby = joined(&mut lost).await;
    let superuser = lost.superuser().await;
    for more in ["CREATE TABLE lost (x int)", "SELECT pg_switch_wal()"] {
        superuser.batch_execute(more).await.expect("written");
    }
    not_read_from(&promoted, &standby, "a history of its own").await;
}
