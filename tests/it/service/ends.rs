//! How the service ends: in order, in time, and never alone.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nvito_clients::grpc::proto::ClientPatch;
use tokio::time::sleep;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::a_client;
use crate::support::{BUSY, Failure, Folder, Service, until};

const LIMIT: Duration = Duration::from_secs(15);

#[tokio::test]
async fn told_to_stop_it_ends_well_and_takes_postgresql_along() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let folder = Folder::used();
        let mut service = Service::start(&folder, &[("CLIENTS_DRAIN_SECONDS", "8")]);
        assert!(!folder.processes().is_empty());
        let mut health = HealthClient::new(service.channel().await);
        let watched = health.watch(HealthCheckRequest::default()).await;
        let mut watched = watched.expect("an answer").into_inner();
        let first = watched.message().await.expect("told").expect("told");
        let began = Instant::now();
        service.tell(signal);
        let status = service.ends(LIMIT).await;
        let took = began.elapsed();
        // Who watches is told and let go; nobody else is there.
        assert!(
            took < Duration::from_millis(900) + BUSY,
            "{took:?}: {}",
            service.log()
        );
        assert_eq!(status.code(), Some(0), "{}", service.log());
        folder.wait_until_quiet(Duration::ZERO);

        let mut last = first.status();
        while let Ok(Some(next)) = watched.message().await {
            last = next.status();
        }
        assert_eq!(last, ServingStatus::NotServing);
        assert!(health.check(HealthCheckRequest::default()).await.is_err());
        assert!(TcpStream::connect(service.address()).is_err());
    }
}

#[tokio::test]
async fn connections_without_a_call_hold_it_no_longer_than_the_drain() {
    let folder = Folder::used();
    let mut service = Service::start(&folder, &[("CLIENTS_DRAIN_SECONDS", "1")]);
    let silent = TcpStream::connect(service.address()).expect("it accepts");
    let idle = service.super_admin().await;
    idle.get("x").await.expect_err("no id");
    let began = Instant::now();
    service.tell(Signal::SIGTERM);
    assert_eq!(service.ends(LIMIT).await.code(), Some(0));
    let took = began.elapsed();
    println!("ended after {:.2} s", took.as_secs_f64());
    assert!(took < Duration::from_millis(1500) + BUSY, "{took:?}");
    folder.wait_until_quiet(Duration::ZERO);
    drop((silent, idle));
}

#[tokio::test]
async fn a_call_in_flight_finishes() {
    let folder = Folder::used();
    let mut service = Service::start(&folder, &[]);
    let root = service.super_admin().await;
    let id = a_client(&root).await;
    let holder = folder.superuser().await;
    let hold = format!("BEGIN; SELECT FROM clients WHERE id = '{id}' FOR UPDATE");
    holder.batch_execute(&hold).await.expect("held");
    let patch = ClientPatch {
        notes: Some("a tiempo".to_owned()),
        ..ClientPatch::default()
    };
    let call = async { root.patch(&id, patch).await.expect("it may finish") };
    let stop = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        while holder
            .query_one(waiting, &[])
            .await
            .expect("asked")
            .get::<_, i64>(0)
            == 0
        {
            sleep(Duration::from_millis(5)).await;
        }
        service.tell(Signal::SIGTERM);
        sleep(Duration::from_millis(500)).await;
        assert!(TcpStream::connect(service.address()).is_err(), "nobody new");
        holder.batch_execute("COMMIT").await.expect("released");
    };
    let (written, ()) = tokio::join!(call, stop);
    assert_eq!(written.notes.as_deref(), Some("a tiempo"));
    drop(root);
    assert_eq!(
        service.ends(LIMIT).await.code(),
        Some(0),
        "{}",
        service.log()
    );
    folder.wait_until_quiet(Duration::ZERO);

    let again = Service::start(&folder, &[]);
    let found = again.super_admin().await.get(&id).await.expect("found");
    assert_eq!(found.notes, written.notes);
}

/// What is still in flight at the end is told so, not cut off.
#[tokio::test]
async fn calls_that_outlive_the_drain_are_told() {
    // A drain of one second and a lock that is waited for two: where the machine
    // is busy the lock may be given up first, which tells nothing of the drain.
    for _ in 0..5 {
        let (read, write) = outlived().await;
        if [&read, &write]
            .iter()
            .any(|told| told.reason == "LOCK_TIMEOUT")
        {
            continue;
        }
        read.is(Code::Unavailable, "SHUTTING_DOWN");
        assert!(read.details.retry_info().is_some(), "{read:?}");
        write.is(Code::Unavailable, "COMMIT_OUTCOME_UNKNOWN");
        assert_eq!(write.metadata["retry_safe"], "false");
        return;
    }
    panic!("the lock is always given up before the end of the drain");
}

/// What a read and a write are told that wait for a lock when the service ends.
async fn outlived() -> (Failure, Failure) {
    let folder = Folder::used();
    let mut service = Service::start(&folder, &[("CLIENTS_DRAIN_SECONDS", "1")]);
    let root = service.super_admin().await;
    let id = a_client(&root).await;
    let holder = folder.superuser().await;
    let hold = "BEGIN; LOCK TABLE clients";
    holder.batch_execute(hold).await.expect("held");
    let patch = ClientPatch {
        notes: Some("tarde".to_owned()),
        ..ClientPatch::default()
    };
    let reads = async { root.get(&id).await.expect_err("it cannot finish") };
    let writes = async { root.patch(&id, patch).await.expect_err("it cannot finish") };
    let stop = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        let began = Instant::now();
        // No longer than they wait for it: one may give up before the other is there.
        while began.elapsed() < Duration::from_secs(2) {
            let row = holder.query_one(waiting, &[]).await.expect("asked");
            if row.get::<_, i64>(0) >= 2 {
                break;
            }
            sleep(Duration::from_millis(5)).await;
        }
        service.tell(Signal::SIGTERM);
        Instant::now()
    };
    let (read, write, began) = tokio::join!(reads, writes, stop);
    assert_eq!(service.ends(LIMIT).await.code(), Some(0));
    let took = began.elapsed();
    assert!(took < Duration::from_millis(1500) + BUSY, "{took:?}");
    (read, write)
}

#[tokio::test]
async fn without_its_postgresql_it_ends_and_says_so() {
    let folder = Folder::used();
    let mut service = Service::start(&folder, &[]);
    let root = service.super_admin().await;
    let id = a_client(&root).await;
    let holder = folder.superuser().await;
    let hold = "BEGIN; LOCK TABLE clients";
    holder.batch_execute(hold).await.expect("held");
    let call = tokio::spawn(async move { root.get(&id).await });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    until(async || {
        let row = holder.query_one(waiting, &[]).await.expect("asked");
        row.get::<_, i64>(0) > 0
    })
    .await;
    let server = folder
        .processes()
        .into_iter()
        .find(|(_, line)| line.contains("postgres -D") && !line.starts_with("/bin/sh"))
        .expect("it runs");
    kill(server.0, Signal::SIGKILL).expect("mine");
    let lost = call.await.expect("no panic").expect_err("no database");
    lost.is(Code::Unavailable, "DATABASE_UNAVAILABLE");
    assert_eq!(service.ends(LIMIT).await.code(), Some(1));
    let log = service.log();
    assert!(
        log.contains("nvito-clients: the private PostgreSQL is gone: "),
        "{log}"
    );
    folder.wait_until_quiet(Duration::from_secs(5));
}
