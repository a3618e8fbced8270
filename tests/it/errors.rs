//! The shape of every failure: reason, request id, languages, details; and what
//! never stands in one.

mod alike;
mod kinds;
mod outages;
mod provoked;

use std::time::Duration;

use nvito_clients::error::Reason;
use nvito_clients::grpc::proto::{ClientPatch, ErrorReason, FILE_DESCRIPTOR_SET, GetClientRequest};
use prost_reflect::DescriptorPool;
use tonic::Code;
use uuid::Uuid;

use crate::support::{Actor, App, Failure, client, nobody};

const CALL: &str = "call-1";

/// What no caller is to read, whatever went wrong.
const INTERNALS: [&str; 16] = [
    "SELECT",
    "INSERT",
    "UPDATE ",
    "violates",
    "constraint",
    "relation",
    "Key (",
    "row ",
    "_key",
    "_fkey",
    "_idx",
    "diesel",
    "postgres",
    "panicked",
    "src/",
    "canario",
];

/// Asserts what every failure has and never has.
#[track_caller]
fn shaped(failure: &Failure, request_id: &str, locale: &str) {
    let info = failure.details.error_info().expect("ErrorInfo");
    assert_eq!(info.domain, "clients.nvito.mx");
    assert!(
        Reason::ALL
            .iter()
            .any(|reason| reason.as_str() == info.reason)
    );
    let request = failure.details.request_info().expect("RequestInfo");
    assert_eq!(request.request_id, request_id);
    let echoed = failure.status.metadata().get_all("x-request-id");
    assert_eq!(echoed.iter().collect::<Vec<_>>(), [request_id]);
    let (said, message) = failure.localized();
    assert_eq!(said, locale);
    // English in the message, the caller's language beside it.
    assert_eq!(message == failure.message, locale == "en", "{message}");
    assert!((1..=512).contains(&failure.message.len()));
    assert!(failure.status.details().len() <= 4096);
    let bytes = String::from_utf8_lossy(failure.status.details());
    for internal in INTERNALS {
        assert!(!bytes.contains(internal), "{internal}: {failure:?}");
        assert!(
            !failure.message.contains(internal),
            "{internal}: {failure:?}"
        );
    }
    retried(failure);
}

/// Asserts that exactly those that may be repeated say when.
#[track_caller]
fn retried(failure: &Failure) {
    let retryable = [
        "TRANSACTION_CONFLICT",
        "LOCK_TIMEOUT",
        "SERVER_OVERLOADED",
        "STORAGE_FULL",
        "DATABASE_UNAVAILABLE",
        "DATABASE_READ_ONLY",
        "SHUTTING_DOWN",
    ];
    let retryable = retryable.contains(&failure.reason.as_str());
    let delay = failure
        .details
        .retry_info()
        .and_then(|info| info.retry_delay);
    let pushback = failure.status.metadata().get("grpc-retry-pushback-ms");
    assert_eq!(delay.is_some_and(|delay| delay > Duration::ZERO), retryable);
    let pushback = pushback.map(|after| after.to_str().expect("ASCII"));
    let expected = match delay {
        Some(delay) => Some(delay.as_millis().to_string()),
        // Codes that clients repeat, of calls that must not be.
        None => match failure.reason.as_str() {
            "ETAG_MISMATCH" | "MESSAGE_TOO_LARGE" => Some("-1".to_owned()),
            "COMMIT_OUTCOME_UNKNOWN" if failure.metadata["retry_safe"] == "false" => {
                Some("-1".to_owned())
            }
            _ => None,
        },
    };
    assert_eq!(pushback, expected.as_deref(), "{failure:?}");
}

fn notes(text: &str) -> ClientPatch {
    ClientPatch {
        notes: Some(text.to_owned()),
        ..ClientPatch::default()
    }
}

/// Asserts code and reason, and the shape of the whole.
#[track_caller]
fn is(failure: &Failure, code: Code, reason: &str) {
    failure.is(code, reason);
    let info = failure.details.request_info().expect("a request id");
    shaped(failure, &info.request_id, "es-MX");
}

#[tokio::test]
async fn the_request_id_comes_back() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let id = own
        .platform_admin()
        .create(client("Ana"))
        .await
        .expect("created")
        .id;
    let get = async |actor: Actor| {
        let request = GetClientRequest {
            id: id.clone(),
            show_deleted: false,
        };
        let answer = actor.clients().get_client(request).await.expect("found");
        let ids = answer.metadata().get_all("x-request-id");
        let ids: Vec<_> = ids
            .iter()
            .map(|id| id.to_str().expect("ASCII").to_owned())
            .collect();
        assert_eq!(ids.len(), 1);
        ids.concat()
    };
    let said = get(own.platform_admin().saying("x-request-id", CALL)).await;
    assert_eq!(said, CALL);
    let made_up = [
        get(own.platform_admin()).await,
        get(own.platform_admin()).await,
    ];
    assert!(
        made_up.iter().all(|id| Uuid::try_parse(id).is_ok()),
        "{made_up:?}"
    );
    assert_ne!(made_up[0], made_up[1]);

    let failure = own
        .platform_admin()
        .get(&nobody())
        .await
        .expect_err("nobody");
    let request_id = failure
        .details
        .request_info()
        .expect("one")
        .request_id
        .clone();
    shaped(&failure, &request_id, "es-MX");
    assert!(Uuid::try_parse(&request_id).is_ok(), "{request_id}");
}

#[tokio::test]
async fn the_caller_chooses_the_language() {
    let app = App::start().await;
    for (accepted, locale) in [
        ("en", "en"),
        ("EN", "en"),
        ("en-US,en;q=0.9,es;q=0.8", "en"),
        ("fr, en;q=0.2", "en"),
        ("es-MX", "es-MX"),
        ("es", "es-MX"),
        ("en;q=0.1, es", "es-MX"),
        ("en;q=0", "es-MX"),
        ("fr", "es-MX"),
        ("*", "es-MX"),
        ("", "es-MX"),
        ("en;q=nan, ;;,", "es-MX"),
    ] {
        let actor = app.super_admin().saying("accept-language", accepted);
        let failure = actor.get(&nobody()).await.expect_err("nobody");
        assert_eq!(failure.localized().0, locale, "{accepted}");
    }
}

#[test]
fn the_proto_and_the_code_know_the_same_reasons() {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("descriptors");
    let compiled = pool
        .get_enum_by_name("nvito.clients.v1.ErrorReason")
        .expect("the enum");
    let in_proto: Vec<_> = compiled
        .values()
        .map(|value| value.name().to_owned())
        .collect();
    let in_code = Reason::ALL
        .iter()
        .map(|reason| format!("ERROR_REASON_{reason}"));
    let unspecified = std::iter::once("ERROR_REASON_UNSPECIFIED".to_owned());
    assert_eq!(in_proto, unspecified.chain(in_code).collect::<Vec<_>>());
    for (number, reason) in (1..).zip(Reason::ALL) {
        let value = ErrorReason::try_from(number).expect("numbered without a gap");
        assert_eq!(value.as_str_name(), format!("ERROR_REASON_{reason}"));
    }
}
