//! A process that may open no more files: no spinning, nobody cut, and back.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::support::{Folder, Process, Service, at_once, nobody};

/// How long nothing may be opened.
const SHORTAGE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn without_descriptors_it_waits_and_does_not_spin() {
    let folder = Folder::used();
    let service = Service::start(&folder, &[]);
    let process = Process(service.pid());
    let root = service.super_admin().await;
    // Several at once: the heartbeat, which may come meanwhile, finds a
    // connection to PostgreSQL without opening one.
    for answer in at_once((0..8).map(|_| {
        let root = root.clone();
        async move { root.get(&nobody()).await }
    }))
    .await
    {
        answer.expect_err("no client");
    }
    process.may_open(process.descriptors());

    let knocking: Vec<_> = (0..50)
        .map(|_| TcpStream::connect(service.address()).expect("in the kernel's queue"))
        .collect();
    let (before, began) = (process.worked(), Instant::now());
    let mut calls = 0;
    while began.elapsed() < SHORTAGE {
        root.get(&nobody())
            .await
            .expect_err("no client")
            .is(tonic::Code::NotFound, "CLIENT_NOT_FOUND");
        calls += 1;
        sleep(Duration::from_millis(100)).await;
    }
    let worked = process.worked().saturating_sub(before);
    println!("{calls} calls, {worked:?} of work in {SHORTAGE:?}");
    assert!(worked < SHORTAGE / 4, "it spins: {worked:?}");
    let log = service.log();
    let told = log.matches("no connection can be accepted").count();
    assert!((1..=4).contains(&told), "{told} times: {log}");

    process.may_open(1024);
    let recovering = Instant::now();
    let late = service.super_admin().await;
    late.get(&nobody()).await.expect_err("no client");
    println!("a new caller after {:?}", recovering.elapsed());
    assert!(recovering.elapsed() < Duration::from_secs(3));
    drop(knocking);
}
