//! jwt mode: whom a token makes of its bearer, and the keys it is judged by.

mod keys;
mod outages;
mod start;

use std::time::Duration;

use nvito_clients::domain::principal::{Policy, Role};
use nvito_clients::grpc::proto::ListClientsRequest;
use tonic::Code;

use crate::support::{App, Cluster, Issuer, Key, Says, client};

/// A service in jwt mode and the issuer it trusts, which has the first key.
async fn service() -> (App, Issuer) {
    let issuer = Issuer::start(Says::Keys(vec![Key::first().public()])).await;
    let database = Cluster::get().database().await;
    (App::with_tokens(database, &issuer).await, issuer)
}

/// Whether a token gets its bearer in.
async fn is_let_in(app: &App, token: &str) -> bool {
    match app.bearer(token).list(ListClientsRequest::default()).await {
        Ok(_) => true,
        Err(refused) => {
            refused.is(Code::Unauthenticated, "IDENTITY_INVALID");
            false
        }
    }
}

#[tokio::test]
async fn a_bearer_is_who_the_token_says() {
    let (app, issuer) = service().await;
    let key = Key::first();
    // An organization, made in the other mode on the same database.
    let plain = App::on(app.database.clone(), Policy::default()).await;
    let (own, other) = (plain.org("Propia").await, plain.org("Ajena").await);
    let claims = issuer.claims(Role::PlatformAdmin, Some(&own.id));
    let admin = app.bearer(&key.token(&claims));

    let made = admin.create(client("Lucía")).await.expect("created");
    assert_eq!(made.organization_id, own.id);
    let history = admin.history(&made.id).await.expect("told");
    assert_eq!(history[0].actor_id, claims["metadata"]["user_id"]);

    let foreign = issuer.claims(Role::PlatformAdmin, Some(&other.id));
    let foreign = app.bearer(&key.token(&foreign));
    let unseen = foreign.get(&made.id).await.expect_err("another's");
    unseen.is(Code::NotFound, "CLIENT_NOT_FOUND");

    let refused = admin.delete(&made.id).await.expect_err("not a Super Admin");
    refused.is(Code::PermissionDenied, "ROLE_REQUIRED");
    let root = app.bearer(&issuer.root(&key));
    root.delete(&made.id).await.expect("deleted");
}

#[tokio::test]
async fn a_token_is_good_until_it_expires() {
    let (app, issuer) = service().await;
    let token = issuer.root(&Key::first());
    assert!(is_let_in(&app, &token).await);
    // A minute, and what clocks may be apart.
    issuer.clock.advance(Duration::from_secs(66));
    let late = app.bearer(&token).list(ListClientsRequest::default()).await;
    let late = late.expect_err("expired");
    late.is(Code::Unauthenticated, "TOKEN_EXPIRED");
    assert_eq!(late.metadata["key"], "authorization");
}

#[tokio::test]
async fn health_and_reflection_ask_for_no_token() {
    let (app, _issuer) = service().await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(app.channel());
    let request = tonic_health::pb::HealthCheckRequest::default();
    health.check(request).await.expect("answered");
}
