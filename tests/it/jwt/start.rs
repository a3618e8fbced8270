//! Where keys are from, and a start without them.

use std::fs;
use std::time::Duration;

use nvito_clients::config::Auth;
use nvito_clients::grpc::proto::ListClientsRequest;
use nvito_clients::jwt::Source;
use nvito_clients::server;
use serde_json::{Value, json};

use crate::support::{AUDIENCE, Folder, ISSUER, Issuer, Key, Says, Service, until};

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

async fn identity(issuer: &Issuer, keys: Source) -> Result<(), String> {
    let auth = Auth::Jwt(Box::new(issuer.settings_with(keys)));
    let identity = server::identity(&auth).await;
    identity.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_server_that_comes_later_is_waited_for() {
    let issuer = Issuer::start(Says::Answer("503 Service Unavailable", String::new())).await;
    let starting = tokio::spawn({
        let auth = Auth::Jwt(Box::new(issuer.settings()));
        async move { server::identity(&auth).await.map(drop) }
    });
    until(async || issuer.asked() == 1).await;
    issuer.says(Says::Keys(vec![Key::first().public()]));
    until(async || {
        issuer.clock.advance(Duration::from_secs(1));
        issuer.asked() > 1
    })
    .await;
    starting.await.expect("no panic").expect("it starts");
}

#[tokio::test]
async fn without_keys_there_is_no_start() {
    let issuer = Issuer::start(Says::Nothing).await;
    let folder = Folder::new();
    let file = |content: &str| {
        let path = folder.0.path().join("keys.json");
        fs::write(&path, content).expect("written");
        Source::File(path)
    };
    let refused = [
        Source::File("/nowhere/keys.json".into()),
        Source::File(folder.0.path().to_owned()),
        file("<html>"),
        file(&set(&[])),
        file(&"x".repeat(300_000)),
    ];
    for source in refused {
        let error = identity(&issuer, source.clone())
            .await
            .expect_err("no keys");
        assert!(error.starts_with("no keys from /"), "{error}");
    }
    let starting = tokio::spawn({
        let auth = Auth::Jwt(Box::new(issuer.settings()));
        async move { server::identity(&auth).await.map(drop) }
    });
    until(async || {
        issuer.clock.advance(Duration::from_secs(5));
        starting.is_finished()
    })
    .await;
    let error = starting.await.expect("no panic").expect_err("no keys");
    let error = error.to_string();
    assert!(
        error.starts_with("no keys from http://127.0.0.1:"),
        "{error}"
    );
    assert!(error.ends_with("no answer in time"), "{error}");
}

/// The binary, with keys in a file that change; and its log at its loudest.
#[tokio::test]
async fn keys_in_a_file_and_nothing_of_a_token_in_the_log() {
    let folder = Folder::used();
    let path = folder.0.path().join("keys.json");
    fs::write(&path, set(&[Key::first().public()])).expect("written");
    let settings = [
        ("CLIENTS_AUTH", "jwt"),
        ("CLIENTS_JWT_KEYS", path.to_str().expect("UTF-8")),
        ("CLIENTS_JWT_ISSUER", ISSUER),
        ("CLIENTS_JWT_AUDIENCES", AUDIENCE),
        ("CLIENTS_LOG", "trace"),
    ];
    let service = Service::start(&folder, &settings);
    let issuer = Issuer::start(Says::Nothing).await;
    let bearer = |token: &str| {
        let value = format!("Bearer {token}");
        let said = vec![("authorization", value)];
        let channel = service.channel();
        async { crate::support::Actor::new(channel.await, said) }
    };
    let (first, second) = (issuer.root(&Key::first()), issuer.root(&Key::second()));
    let unsigned = issuer.root(&Key::stranger());
    let listed = bearer(&first)
        .await
        .list(ListClientsRequest::default())
        .await;
    listed.expect("let in");
    fs::write(&path, set(&[Key::second().public()])).expect("written");
    let listed = bearer(&second)
        .await
        .list(ListClientsRequest::default())
        .await;
    listed.expect("let in");
    for gone in [&first, &unsigned] {
        let refused = bearer(gone).await.list(ListClientsRequest::default()).await;
        refused.expect_err("its key is gone");
    }
    let log = service.log();
    assert!(log.contains("token refused"), "{log}");
    for token in [first, second, unsigned] {
        for part in token.split('.') {
            assert!(!log.contains(part), "a part of a token stands in the log");
        }
    }
    assert!(!log.contains("user_2x") && !log.contains("sess_2x"));
}
