//! Timers and places.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use nvito_clients::listener::Allowed;
use nvito_clients::listener::{ListenerConfig, Tls, TlsFiles};
use tokio::time::{sleep, timeout};
use tonic::Code;
use tonic::transport::Endpoint;

use super::{app, kept};
use crate::support::{Actor, App, Authority, Folder, nobody};

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_mins(1);
const LIMIT: Duration = Duration::from_secs(5);

/// Timers that do not matter but for what a test sets.
fn patient() -> ListenerConfig {
    ListenerConfig {
        handshake: LONG,
        first_bytes: LONG,
        keepalive: LONG,
        keepalive_answer: LONG,
        ..ListenerConfig::default()
    }
}

/// Somebody who connects at the first call.
fn newcomer(app: &App) -> Actor {
    let endpoint = Endpoint::from_shared(format!("http://{}", app.address));
    App::super_admin_on(endpoint.expect("an address").connect_lazy())
}

#[tokio::test]
async fn who_says_nothing_or_too_little_is_put_out() {
    let app = app(ListenerConfig {
        first_bytes: SHORT,
        ..patient()
    })
    .await;
    for said in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r"] {
        let kept = kept(app.address, said, LIMIT).await.expect("put out");
        assert!(kept >= SHORT * 4 / 5, "{kept:?}");
        assert!(kept < SHORT * 4, "{kept:?}");
    }
    app.super_admin()
        .get(&nobody())
        .await
        .expect_err("no client");
}

#[tokio::test]
async fn who_speaks_something_else_is_put_out_at_once() {
    let app = app(patient()).await;
    let others: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
    ];
    for said in others {
        let kept = kept(app.address, said, LIMIT).await.expect("put out");
        assert!(kept < SHORT, "{kept:?}");
    }
}

#[tokio::test]
async fn a_tls_handshake_has_its_time() {
    let folder = Folder::new();
    let [certificate, key] = Authority::new().server().write(folder.0.path());
    let files = TlsFiles {
        certificate,
        key,
        client_ca: None,
        names: Allowed::All,
    };
    let app = app(ListenerConfig {
        handshake: SHORT,
        tls: Some(Tls::new(files).expect("right").into()),
        ..patient()
    })
    .await;
    for said in [&b""[..], b"\x16\x03\x01\x02\x00"] {
        let kept = kept(app.address, said, LIMIT).await.expect("put out");
        assert!(kept >= SHORT * 4 / 5, "{kept:?}");
        assert!(kept < SHORT * 4, "{kept:?}");
    }
}

#[tokio::test]
async fn who_answers_no_ping_is_put_out() {
    let app = app(ListenerConfig {
        keepalive: SHORT,
        keepalive_answer: SHORT,
        ..patient()
    })
    .await;
    let alone = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for said in [&alone[..], settings] {
        let kept = kept(app.address, said, LIMIT).await.expect("put out");
        assert!(kept < SHORT * 6, "{kept:?}");
    }
    // Who answers may stay.
    sleep(SHORT * 4).await;
    app.super_admin()
        .get(&nobody())
        .await
        .expect_err("no client");
}

#[tokio::test]
async fn when_all_places_are_taken_the_silent_give_way() {
    let app = app(ListenerConfig {
        connections: 4,
        ..patient()
    })
    .await;
    app.super_admin()
        .get(&nobody())
        .await
        .expect_err("no client");
    let silent: Vec<_> = (0..20)
        .map(|_| TcpStream::connect(app.address).expect("it accepts"))
        .collect();
    for _ in 0..3 {
        let newcomer = newcomer(&app);
        let answer = timeout(LIMIT, newcomer.get("x")).await;
        answer.expect("in time").expect_err("no id");
    }
    // The first one, which had called, has not been put out: it needs no new
    // connection, for which there would be no place now.
    app.super_admin()
        .get(&nobody())
        .await
        .expect_err("no client");
    drop(silent);
}

#[tokio::test]
async fn when_all_are_at_work_the_next_one_waits() {
    let app = app(ListenerConfig {
        connections: 1,
        ..patient()
    })
    .await;
    app.super_admin()
        .get(&nobody())
        .await
        .expect_err("no client");
    let next = newcomer(&app);
    assert!(timeout(SHORT, next.get("x")).await.is_err(), "no place");
    app.super_admin()
        .get(&nobody())
        .await
        .expect_err("no client");
}

#[tokio::test]
async fn who_has_been_idle_for_long_gives_way() {
    let app = app(ListenerConfig {
        connections: 1,
        idle: SHORT,
        ..patient()
    })
    .await;
    app.super_admin()
        .get(&nobody())
        .await
        .expect_err("no client");
    let began = Instant::now();
    let next = newcomer(&app).get(&nobody()).await;
    next.expect_err("no client")
        .is(Code::NotFound, "CLIENT_NOT_FOUND");
    assert!(began.elapsed() < LIMIT);
}
