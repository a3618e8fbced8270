//! The layers around every call: their order, and what each does by itself.

mod abandoned;

use std::time::Duration;

use nvito_clients::config::ServerConfig;
use tokio::time::{Instant, sleep, timeout};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{Actor, App, Cluster, client};

/// A service that takes so many calls at once.
async fn taking(calls: usize) -> App {
    let config = ServerConfig {
        in_flight: calls,
        ..ServerConfig::default()
    };
    App::configured(Cluster::get().database().await, config).await
}

/// The service's sessions, but for the ones that ask whether the database works and sort
/// in what is new: they may do so at any moment.
pub(crate) const SESSIONS: &str = r#"FROM pg_stat_activity WHERE datname = current_database()
    AND application_name = 'nvito-clients'
    AND query NOT LIKE 'SELECT "clients"."id" FROM "clients"%'
    AND query NOT LIKE 'SELECT "sort_in_trigrams"%'"#;

/// Waits until so many of the service's sessions wait for a lock.
pub(crate) async fn waiting(app: &App, expected: i64) {
    let count = format!("SELECT count(*) {SESSIONS} AND wait_event_type = 'Lock'");
    let mut last = 0;
    for _ in 0..2000 {
        last = app.count(&count).await;
        if last == expected {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{last} sessions wait for a lock, not {expected}");
}

/// The order in which `server.rs` puts the layers around the services.
#[test]
fn the_order_is_the_one_that_is_written_down() {
    let wiring = include_str!("../../src/server.rs");
    let order = [
        ".layer(CallLayer",
        ".layer(catch_panic(",
        ".layer(DeadlineLayer(",
        ".layer(Admission::new(",
        "serve_with_incoming_shutdown(services",
    ];
    let places = order.map(|layer| wiring.find(layer).expect(layer));
    assert!(places.is_sorted(), "{places:?}");
    let services = include_str!("../../src/grpc/services.rs");
    let limited = services.matches("max_decoding_message_size(MESSAGE_MOST)");
    assert_eq!(
        limited.count(),
        3,
        "each of our services has its size limit"
    );
}

#[tokio::test]
async fn a_full_service_refuses_before_identity_and_message_and_says_which_call() {
    let app = taking(1).await;
    let own = app.org("Propia").await;
    let actor = own.platform_admin();
    let made = actor.create(client("Ana")).await.expect("created");
    let holder = app.superuser().await;
    let hold = "BEGIN; LOCK TABLE clients";
    holder.batch_execute(hold).await.expect("held");
    let (first, id) = (actor.clone(), made.id.clone());
    let in_flight = tokio::spawn(async move { first.get(&id).await });
    waiting(&app, 1).await;

    let refused = async |caller: Actor, bytes: Vec<u8>| {
        let caller = caller.saying("x-request-id", "call-1");
        let method = "nvito.clients.v1.ClientService/CreateClient";
        let failure = caller.raw(method, bytes).await.expect_err("full");
        failure.is(Code::ResourceExhausted, "SERVER_OVERLOADED");
        assert!(failure.details.retry_info().is_some());
        let request = failure.details.request_info().expect("RequestInfo");
        assert_eq!(request.request_id, "call-1");
        let echoed = failure.status.metadata().get("x-request-id");
        assert_eq!(echoed.expect("echoed"), "call-1");
    };
    refused(actor.clone(), Vec::new()).await;
    refused(app.anonymous(), Vec::new()).await;
    refused(actor.clone(), vec![0; 65 * 1024]).await;
    let mut health = HealthClient::new(app.channel());
    let probe = health.check(HealthCheckRequest::default()).await;
    probe.expect("probes are let in");

    holder.batch_execute("COMMIT").await.expect("released");
    in_flight.await.expect("no panic").expect("found");
    actor.get(&made.id).await.expect("there is room again");
}

/// What a call that was refused, failed or hung up holds, it gives back.
#[tokio::test]
async fn no_place_is_lost() {
    let app = taking(4).await;
    let own = app.org("Propia").await;
    let actor = own.platform_admin();
    let made = actor.create(client("Ana")).await.expect("created");
    for call in 0..200 {
        let patience = Duration::from_micros(call % 20 * 100);
        let _ = timeout(patience, actor.get(&made.id)).await;
        let _ = app.anonymous().get(&made.id).await;
    }
    let began = Instant::now();
    // Gets come in while no more than two others are there.
    while actor.get(&made.id).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(2), "places are held");
    }
}
