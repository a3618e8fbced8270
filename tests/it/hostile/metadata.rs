//! Metadata that is given twice, too long or no text at all.

use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::ListClientsRequest;
use tonic::Code;

use crate::support::{Actor, App, Failure, nobody};

async fn list(actor: &Actor) -> Result<(), Failure> {
    actor.list(ListClientsRequest::default()).await.map(drop)
}

/// A Platform Admin of `organization` who says nothing else.
fn plain(organization: &str) -> [(&'static str, String); 3] {
    [
        ("x-user-id", nobody()),
        ("x-organization-id", organization.to_owned()),
        ("x-role", Role::PlatformAdmin.to_string()),
    ]
}

fn say(app: &App, pairs: &[(&'static str, String)]) -> Actor {
    pairs.iter().fold(app.anonymous(), |actor, (key, value)| {
        actor.saying(key, value)
    })
}

#[tokio::test]
async fn no_key_is_taken_twice() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let identity = plain(&own.id);
    let others = [
        ("authorization", "Bearer x".to_owned()),
        ("x-request-id", "abc".to_owned()),
        ("accept-language", "en".to_owned()),
    ];
    let once = [&identity[..], &others].concat();
    list(&say(&app, &once)).await.expect("each once is fine");
    for (key, value) in &once {
        let twice = say(&app, &once).saying(key, value);
        let refused = list(&twice).await.expect_err(key);
        refused.is(Code::Unauthenticated, "IDENTITY_INVALID");
        assert_eq!(refused.metadata["key"], *key);
    }
}

#[tokio::test]
async fn two_values_in_one_are_none() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    for at in 0..3 {
        for join in [",", ", ", ";", " "] {
            let mut identity = plain(&own.id);
            let value = &identity[at].1;
            identity[at].1 = format!("{value}{join}{value}");
            let refused = list(&say(&app, &identity)).await.expect_err(join);
            refused.is(Code::Unauthenticated, "IDENTITY_INVALID");
        }
    }
}

#[tokio::test]
async fn ids_in_metadata_have_one_spelling_too() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let spoil: [fn(&str) -> String; 5] = [
        |id| format!("{{{id}}}"),
        |id| format!("urn:uuid:{id}"),
        |id| id.replace('-', ""),
        |id| id[1..].to_owned(),
        |_| "'; DROP TABLE clients; --".to_owned(),
    ];
    for at in 0..2 {
        for spoil in spoil {
            let mut identity = plain(&own.id);
            identity[at].1 = spoil(&identity[at].1);
            let refused = list(&say(&app, &identity)).await.expect_err("no UUID");
            refused.is(Code::Unauthenticated, "IDENTITY_INVALID");
        }
    }
    for role in ["super_admin", "SUPER_ADMIN ", "SUPER-ADMIN", "0", ""] {
        let mut identity = plain(&own.id);
        identity[2].1 = role.to_owned();
        let refused = list(&say(&app, &identity)).await.expect_err(role);
        refused.is(Code::Unauthenticated, "IDENTITY_INVALID");
    }
}

#[tokio::test]
async fn a_request_id_is_128_visible_characters_at_most() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let longest = "~".repeat(128);
    for fine in ["a", &longest, "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}"] {
        let actor = own.platform_admin().saying("x-request-id", fine);
        list(&actor).await.expect(fine);
    }
    let longer = "~".repeat(129);
    for bad in ["", "a b", "a\tb", &longer] {
        let actor = own.platform_admin().saying("x-request-id", bad);
        let refused = list(&actor).await.expect_err(bad);
        refused.is(Code::Unauthenticated, "IDENTITY_INVALID");
        let info = refused.details.request_info().expect("a request id");
        assert!(
            info.request_id.len() == 36,
            "one that was made up: {info:?}"
        );
    }
}
