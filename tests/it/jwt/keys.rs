//! Keys come and go: rotation, and kids that nobody knows.

use std::time::Duration;

use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::ListClientsRequest;
use serde_json::json;
use tonic::Request;

use super::{is_let_in, service};
use crate::support::{Issuer, Key, Says, at_once, patiently, sign, until};

const MINUTE: Duration = Duration::from_mins(1);

/// A token of a key that nobody knows.
fn unknown(issuer: &Issuer, number: usize) -> String {
    let header = json!({"alg": "RS256", "kid": format!("unknown {number}")});
    sign(&header, &issuer.claims(Role::SuperAdmin, None), |_| {
        vec![0; 256]
    })
}

#[tokio::test]
async fn a_new_key_is_good_on_its_first_call() {
    let (app, issuer) = service().await;
    let (first, second) = (Key::first(), Key::second());
    assert!(is_let_in(&app, &issuer.root(&first)).await);
    assert_eq!(issuer.asked(), 1, "once, at the start");

    issuer.says(Says::Keys(vec![first.public(), second.public()]));
    // Many at once, and one question.
    let calls = (0..20).map(|_| {
        let actor = app.bearer(&issuer.root(&second));
        async move { patiently(|| actor.list(ListClientsRequest::default())).await }
    });
    for answer in at_once(calls).await {
        answer.expect("let in");
    }
    assert_eq!(issuer.asked(), 2);
    assert!(is_let_in(&app, &issuer.root(&first)).await);
}

#[tokio::test]
async fn a_key_that_is_taken_away_is_refused_from_the_next_refresh_on() {
    let (app, issuer) = service().await;
    let (first, second) = (Key::first(), Key::second());
    issuer.says(Says::Keys(vec![second.public()]));
    assert!(is_let_in(&app, &issuer.root(&first)).await);
    issuer.until_asked(5 * MINUTE).await;
    until(async || is_let_in(&app, &issuer.root(&second)).await).await;
    assert!(!is_let_in(&app, &issuer.root(&first)).await);
}

#[tokio::test]
async fn a_storm_of_unknown_keys_asks_once_a_minute() {
    let (app, issuer) = service().await;
    for round in 0..3 {
        let before = issuer.asked();
        let storm = (0..200).map(|number| {
            let actor = app.bearer(&unknown(&issuer, round * 1000 + number));
            async move { actor.list(ListClientsRequest::default()).await }
        });
        for answer in at_once(storm).await {
            let refused = answer.expect_err("unknown");
            refused.is(tonic::Code::Unauthenticated, "IDENTITY_INVALID");
        }
        assert_eq!(issuer.asked(), before + 1);
        // Those whose keys are known do not notice.
        assert!(is_let_in(&app, &issuer.root(&Key::first())).await);
        issuer.clock.advance(MINUTE);
    }
}

#[tokio::test]
async fn who_hangs_up_does_not_use_up_the_minute() {
    let (app, issuer) = service().await;
    let (first, second) = (Key::first(), Key::second());
    issuer.says(Says::Nothing);
    let hasty = tokio::spawn({
        let mut clients = app.bearer(&unknown(&issuer, 0)).clients();
        async move {
            clients
                .list_clients(Request::new(ListClientsRequest::default()))
                .await
        }
    });
    until(async || issuer.asked() == 2).await;
    hasty.abort();
    hasty.await.expect_err("aborted");
    // The question is still on its way: the next caller waits for its end.
    issuer.says(Says::Keys(vec![first.public(), second.public()]));
    let waiting = tokio::spawn({
        let actor = app.bearer(&issuer.root(&second));
        async move { actor.list(ListClientsRequest::default()).await }
    });
    issuer.clock.advance(Duration::from_secs(5));
    let refused = waiting.await.expect("no panic").expect_err("not known yet");
    refused.is(tonic::Code::Unauthenticated, "IDENTITY_INVALID");
    assert_eq!(issuer.asked(), 2);
    issuer.clock.advance(MINUTE);
    assert!(is_let_in(&app, &issuer.root(&second)).await);
}
