//! One failure of every kind that needs no broken database.

use std::collections::BTreeMap;

use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::{
    Client, ClientPatch, ClientStatus, CreateClientRequest, ListClientsRequest, RemoveEventRequest,
    RemoveMemberRequest, UpdateClientRequest,
};
use tonic::Code;
use uuid::Uuid;

use super::{CALL, shaped};
use crate::support::{Actor, App, Failure, Org, client, nobody};

const KINDS: [(&str, Code); 19] = [
    ("ASSIGNEE_NOT_IN_ORGANIZATION", Code::InvalidArgument),
    ("CLIENT_EMAIL_TAKEN", Code::AlreadyExists),
    ("CLIENT_NOT_FOUND", Code::NotFound),
    ("CLIENT_TRANSITION_NOT_ALLOWED", Code::FailedPrecondition),
    ("COMPRESSION_NOT_SUPPORTED", Code::Unimplemented),
    ("ETAG_MISMATCH", Code::Aborted),
    ("EVENT_NOT_FOUND", Code::NotFound),
    ("IDENTITY_INVALID", Code::Unauthenticated),
    ("IDENTITY_MISSING", Code::Unauthenticated),
    ("INVALID_PAGE_TOKEN", Code::InvalidArgument),
    ("MEMBER_NOT_FOUND", Code::NotFound),
    ("MESSAGE_TOO_LARGE", Code::ResourceExhausted),
    ("METHOD_NOT_FOUND", Code::Unimplemented),
    ("ORGANIZATION_NOT_ALLOWED", Code::PermissionDenied),
    ("ORGANIZATION_NOT_FOUND", Code::InvalidArgument),
    ("PAGE_TOO_DEEP", Code::InvalidArgument),
    ("REQUEST_ID_REUSED", Code::InvalidArgument),
    ("ROLE_REQUIRED", Code::PermissionDenied),
    ("VALIDATION_FAILED", Code::InvalidArgument),
];

/// A failure of each of the kinds, by reason, of callers made over by `say`.
async fn failures(
    app: &App,
    own: &Org<'_>,
    say: impl Fn(Actor) -> Actor,
) -> BTreeMap<String, Failure> {
    let (actor, root) = (say(own.platform_admin()), say(app.super_admin()));
    let email = Some(format!("canario.{}@example.com", nobody()));
    let new = CreateClientRequest {
        email,
        ..client("Ana")
    };
    let made = actor.create(new.clone()).await.expect("created");
    let mut all = vec![actor.create(new).await.expect_err("taken")];
    all.extend(of_callers(app, own, &say).await);
    all.extend(of_creations(&actor, &root).await);
    all.extend(of_lists(&actor).await);
    all.extend(of_updates(&actor, &made).await);
    all.extend(of_the_directory(&root, own).await);
    let by_reason = all
        .into_iter()
        .map(|failure| (failure.reason.clone(), failure));
    let by_reason: BTreeMap<_, _> = by_reason.collect();
    let kinds = by_reason
        .iter()
        .map(|(reason, failure)| (reason.as_str(), failure.code));
    assert_eq!(kinds.collect::<Vec<_>>(), KINDS);
    by_reason
}

async fn of_callers(app: &App, own: &Org<'_>, say: &impl Fn(Actor) -> Actor) -> Vec<Failure> {
    let callers = [
        app.anonymous(),
        own.platform_admin().saying("x-role", "ORG_OWNER"),
        own.actor(Role::OrgAdmin),
        own.platform_admin(),
    ];
    let mut all = Vec::new();
    for caller in callers {
        all.push(say(caller).get(&nobody()).await.expect_err("refused"));
    }
    let caller = say(own.platform_admin());
    for (method, message) in [
        ("nvito.clients.v1.ClientService/GetClient", vec![0; 70_000]),
        ("nvito.clients.v1.Nobody/Nothing", Vec::new()),
    ] {
        all.push(caller.raw(method, message).await.expect_err(method));
    }
    let packed = caller.saying("grpc-encoding", "gzip").get(&nobody()).await;
    all.push(packed.expect_err("compressed"));
    all
}

async fn of_creations(actor: &Actor, root: &Actor) -> Vec<Failure> {
    let first = CreateClientRequest {
        request_id: nobody(),
        ..client("Ana")
    };
    actor.create(first.clone()).await.expect("the first");
    let reused = CreateClientRequest {
        name: "Eva".to_owned(),
        ..first
    };
    let unassignable = CreateClientRequest {
        assigned_to_id: Some(nobody()),
        ..client("Ana")
    };
    let unknown = CreateClientRequest {
        organization_id: nobody(),
        ..client("Ana")
    };
    vec![
        actor.create(reused).await.expect_err("reused"),
        actor.create(unassignable).await.expect_err("nobody"),
        root.create(unknown).await.expect_err("no organization"),
    ]
}

async fn of_lists(actor: &Actor) -> Vec<Failure> {
    let list = ListClientsRequest::default;
    let foreign = ListClientsRequest {
        organization_id: nobody(),
        ..list()
    };
    let deep = ListClientsRequest {
        page: 2_000_000_000,
        ..list()
    };
    let forged = ListClientsRequest {
        page_token: "x".to_owned(),
        ..list()
    };
    let wrong = ListClientsRequest {
        limit: -1,
        search: "\0".to_owned(),
        ..list()
    };
    let mut all = Vec::new();
    for request in [foreign, deep, forged, wrong] {
        all.push(actor.list(request).await.expect_err("refused"));
    }
    all
}

async fn of_updates(actor: &Actor, made: &Client) -> Vec<Failure> {
    let stale = UpdateClientRequest {
        id: made.id.clone(),
        etag: "0".to_owned(),
        ..UpdateClientRequest::default()
    };
    let leap = ClientPatch {
        status: Some(ClientStatus::Completed.into()),
        ..ClientPatch::default()
    };
    vec![
        actor.update(stale).await.expect_err("stale"),
        actor.patch(&made.id, leap).await.expect_err("a leap"),
    ]
}

async fn of_the_directory(root: &Actor, own: &Org<'_>) -> Vec<Failure> {
    let member = RemoveMemberRequest {
        organization_id: own.id.clone(),
        user_id: nobody(),
    };
    let event = RemoveEventRequest { id: nobody() };
    let member = root.directory().remove_member(member).await;
    let event = root.directory().remove_event(event).await;
    vec![
        member.expect_err("no member").into(),
        event.expect_err("no event").into(),
    ]
}

#[tokio::test]
async fn every_failure_has_the_same_shape() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    for locale in ["es-MX", "en"] {
        let say = |actor: Actor| {
            actor
                .saying("x-request-id", CALL)
                .saying("accept-language", locale)
        };
        for failure in failures(&app, &own, say).await.values() {
            shaped(failure, CALL, locale);
            let bad = failure.details.bad_request().into_iter();
            for violation in bad.flat_map(|bad| &bad.field_violations) {
                assert!(!violation.reason.is_empty() && !violation.description.is_empty());
                let localized = violation.localized_message.as_ref().expect("a message");
                assert_eq!(localized.locale, locale);
                let same = localized.message == violation.description;
                assert_eq!(same, locale == "en", "{violation:?}");
            }
        }
    }
}

#[tokio::test]
async fn each_kind_has_the_details_of_its_own() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let found = failures(&app, &own, |actor| actor).await;
    for (reason, failure) in &found {
        let details = &failure.details;
        for (code, has) in [
            (Code::InvalidArgument, details.bad_request().is_some()),
            (Code::NotFound, details.resource_info().is_some()),
            (
                Code::FailedPrecondition,
                details.precondition_failure().is_some(),
            ),
        ] {
            assert_eq!(has, failure.code == code, "{reason}: {failure:?}");
        }
    }
    let metadata = |reason: &str, key: &str| found[reason].metadata[key].clone();
    assert_eq!(
        metadata("ROLE_REQUIRED", "roles"),
        "SUPER_ADMIN,PLATFORM_ADMIN"
    );
    assert_eq!(metadata("IDENTITY_MISSING", "key"), "x-user-id");
    assert_eq!(metadata("IDENTITY_INVALID", "key"), "x-role");
    assert_eq!(metadata("ETAG_MISMATCH", "current_etag"), "00000001");
    let holder = metadata("CLIENT_EMAIL_TAKEN", "conflicting_client_id");
    assert!(Uuid::try_parse(&holder).is_ok(), "{holder}");
    let step = ["from", "to", "allowed"].map(|key| metadata("CLIENT_TRANSITION_NOT_ALLOWED", key));
    assert_eq!(step, ["PROSPECT", "COMPLETED", "ACTIVE,INACTIVE"]);

    for what in ["Client", "Member", "Event"] {
        let reason = format!("{}_NOT_FOUND", what.to_uppercase());
        let resource = found[&reason].details.resource_info().expect("one");
        assert_eq!(resource.resource_type, format!("nvito.clients.v1.{what}"));
        assert!(Uuid::try_parse(&resource.resource_name).is_ok());
    }
    let leap = &found["CLIENT_TRANSITION_NOT_ALLOWED"].details;
    let violations = &leap.precondition_failure().expect("one").violations;
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].subject, "client.status");
}
