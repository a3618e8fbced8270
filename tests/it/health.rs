//! What load balancers ask: whether the service works.

use nvito_clients::grpc::proto::client_service_server::SERVICE_NAME as CLIENTS;
use nvito_clients::grpc::proto::directory_service_server::SERVICE_NAME as DIRECTORY;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::App;

#[tokio::test]
async fn health_asks_nobody_who_they_are() {
    let app = App::start().await;
    app.org("The first ping is done").await;
    let mut health = HealthClient::new(app.channel());
    for service in ["", CLIENTS, DIRECTORY] {
        let asked = || HealthCheckRequest {
            service: service.to_owned(),
        };
        let watched = health.watch(asked()).await.expect("an answer");
        let mut watched = watched.into_inner();
        let mut status = ServingStatus::NotServing;
        while status != ServingStatus::Serving {
            let next = watched.message().await.expect("goes on");
            status = next.expect("goes on").status();
        }
        let checked = health.check(asked()).await.expect("an answer");
        assert_eq!(checked.into_inner().status(), status, "{service}");
    }
    let unknown = HealthCheckRequest {
        service: "nvito.clients.v1.Nothing".to_owned(),
    };
    let refused = health.check(unknown).await.expect_err("unknown");
    assert_eq!(refused.code(), Code::NotFound);
}

#[tokio::test]
async fn who_watches_the_health_learns_of_the_end() {
    let mut app = App::start().await;
    let mut health = HealthClient::new(app.channel());
    let watched = health.watch(HealthCheckRequest::default()).await;
    let mut watched = watched.expect("an answer").into_inner();
    let mut seen = Vec::new();
    while seen.last() != Some(&ServingStatus::Serving) {
        let next = watched.message().await.expect("goes on");
        seen.push(next.expect("goes on").status());
    }
    let (last, ()) = tokio::join!(watched.message(), app.stop());
    let last = last.expect("told").expect("told");
    assert_eq!(last.status(), ServingStatus::NotServing);
}
