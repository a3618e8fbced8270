//! Services, watchdogs and servers that are killed.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nvito_clients::postgres::running;

use super::{read_note, start, stop, write_note};
use crate::support::{Folder, Service, connect};

#[tokio::test]
async fn a_start_right_after_a_kill_waits_for_the_old_server() {
    let folder = Folder::used();
    let mut service = Service::start(&folder, &[]);
    service.kill();
    let postgres = start(&folder).await;
    stop(postgres).await;
    folder.wait_until_quiet(Duration::ZERO);
}

#[tokio::test]
async fn an_orphan_is_stopped_when_the_watchdog_was_killed_too() {
    let folder = Folder::used();
    let mut service = Service::start(&folder, &[]);
    let config = running(&folder.data())
        .await
        .expect("readable")
        .expect("is running");
    let client = connect(&config).await;
    write_note(&client).await;
    let processes = folder.processes();
    let watchdogs = processes
        .iter()
        .filter(|(_, line)| line.starts_with("/bin/sh"));
    for (pid, _) in watchdogs {
        kill(*pid, Signal::SIGKILL).expect("mine");
    }
    service.kill();
    let orphans = folder.processes();
    assert!(
        orphans.iter().any(|(_, line)| line.contains("postgres -D")),
        "{orphans:?}"
    );

    let postgres = start(&folder).await;
    assert_eq!(read_note(&postgres.config()).await, "kept");
    stop(postgres).await;
    folder.wait_until_quiet(Duration::from_secs(1));
}

#[tokio::test]
async fn a_killed_postgres_is_noticed() {
    let folder = Folder::used();
    let mut postgres = start(&folder).await;
    let server = folder
        .processes()
        .into_iter()
        .find(|(_, line)| line.contains("postgres -D") && !line.starts_with("/bin/sh"))
        .expect("runs");
    kill(server.0, Signal::SIGKILL).expect("mine");
    let ended = tokio::time::timeout(Duration::from_secs(5), postgres.ended()).await;
    let ended = ended.expect("in time").expect_err("not in order");
    assert!(ended.to_string().contains("137"), "{ended}");
    assert!(postgres.stop().await.is_err());
    folder.wait_until_quiet(Duration::from_secs(5));
    stop(start(&folder).await).await;
}

#[tokio::test]
async fn dropped_it_stops_by_itself() {
    let folder = Folder::used();
    drop(start(&folder).await);
    folder.wait_until_quiet(Duration::from_secs(5));
}

#[tokio::test]
async fn a_half_made_database_is_made_again() {
    let folder = Folder::new();
    let half = folder.data().join("cluster.new-1");
    fs::create_dir_all(half.join("base")).expect("writable");
    fs::set_permissions(folder.data(), Permissions::from_mode(0o755)).expect("mine");
    fs::write(half.join("PG_VERSION"), "15\n").expect("writable");
    let mut service = Service::spawn(&folder, &[]);
    while !folder
        .processes()
        .iter()
        .any(|(_, line)| line.contains("initdb"))
    {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!half.exists());
    tokio::time::sleep(Duration::from_millis(200)).await;
    service.kill();
    folder.wait_until_quiet(Duration::from_secs(5));
    assert!(!folder.data().join("cluster").exists());

    stop(start(&folder).await).await;
    let names = fs::read_dir(folder.data()).expect("readable").flatten();
    let names: Vec<_> = names.map(|entry| entry.file_name()).collect();
    assert!(
        !names
            .iter()
            .any(|name| name.to_string_lossy().contains("new")),
        "{names:?}"
    );
}
