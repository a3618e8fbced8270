//! The key server is away, or answers what is no keys.

use std::time::Duration;

use nvito_clients::grpc::proto::ListClientsRequest;
use serde_json::json;
use tonic::Code;

use super::{is_let_in, service};
use crate::support::{Issuer, Key, Says, until};

const REFRESH: Duration = Duration::from_mins(5);

/// Answers that bring no keys.
fn bad_answers() -> Vec<Says> {
    let good = json!({"keys": [Key::second().public()]}).to_string();
    let huge = json!({"keys": [Key::second().public()], "x": "x".repeat(300_000)});
    vec![
        Says::Answer("500 Internal Server Error", good.clone()),
        Says::Answer("404 Not Found", good.clone()),
        Says::Answer("302 Found\r\nLocation: /elsewhere", good.clone()),
        Says::Answer("204 No Content", String::new()),
        Says::Answer("200 OK", "<html>".to_owned()),
        Says::Answer("200 OK", String::new()),
        Says::Answer("200 OK", good[..good.len() - 1].to_owned()),
        Says::Answer("200 OK", huge.to_string()),
        Says::Keys(vec![]),
        Says::Keys(vec![json!({"kty": "EC", "kid": "first"})]),
        Says::Keys(vec![Key::second().public(), Key::second().public()]),
    ]
}

/// Moves the time in small steps until the service has asked again.
async fn again(issuer: &Issuer) {
    let before = issuer.asked();
    until(async || {
        issuer.clock.advance(Duration::from_secs(30));
        issuer.asked() > before
    })
    .await;
}

#[tokio::test]
async fn a_bad_answer_never_replaces_good_keys() {
    let (app, issuer) = service().await;
    for says in bad_answers() {
        issuer.says(says);
        again(&issuer).await;
        again(&issuer).await;
        assert!(is_let_in(&app, &issuer.root(&Key::first())).await);
        assert!(!is_let_in(&app, &issuer.root(&Key::second())).await);
    }
    issuer.says(Says::Keys(vec![Key::second().public()]));
    again(&issuer).await;
    until(async || is_let_in(&app, &issuer.root(&Key::second())).await).await;
}

#[tokio::test]
async fn keys_outlive_an_outage_by_a_day() {
    let (app, issuer) = service().await;
    let key = Key::first();
    issuer.says(Says::Answer("503 Service Unavailable", String::new()));
    issuer.until_asked(REFRESH).await;
    issuer.clock.advance(Duration::from_mins(24 * 60 - 6));
    assert!(is_let_in(&app, &issuer.root(&key)).await);

    issuer.clock.advance(Duration::from_secs(90));
    // Not the token's fault, so nothing is said against it.
    let refused = app
        .bearer(&issuer.root(&key))
        .list(ListClientsRequest::default())
        .await;
    refused.expect_err("too old").is(Code::Internal, "INTERNAL");

    issuer.says(Says::Keys(vec![key.public()]));
    again(&issuer).await;
    let comes_in = async || {
        let answer = app
            .bearer(&issuer.root(&key))
            .list(ListClientsRequest::default())
            .await;
        answer.is_ok()
    };
    until(comes_in).await;
}

#[tokio::test]
async fn a_server_that_hangs_holds_nobody_up() {
    let (app, issuer) = service().await;
    issuer.says(Says::Nothing);
    issuer.until_asked(REFRESH).await;
    // Whose key is known does not wait.
    assert!(is_let_in(&app, &issuer.root(&Key::first())).await);
    issuer.says(Says::Keys(vec![Key::second().public()]));
    again(&issuer).await;
    until(async || is_let_in(&app, &issuer.root(&Key::second())).await).await;
}
