//! `GetClient`.

use nvito_clients::grpc::proto::{
    Client, ClientStatus, CreateClientRequest, EventSummary, GetClientRequest, ListClientsRequest,
};
use prost_types::Timestamp;
use tonic::Code;

use super::{full, link_event};
use crate::support::{Actor, App, Failure, client, nobody};

async fn get_deleted(actor: &Actor, id: &str) -> Result<Client, Failure> {
    let request = GetClientRequest {
        id: id.to_owned(),
        show_deleted: true,
    };
    let answer = actor.clients().get_client(request).await?;
    Ok(answer.into_inner().client.expect("a client"))
}

#[tokio::test]
async fn the_events_are_told_latest_first() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    let host = admin.create(full("Juan")).await.expect("created");
    let guest = admin.create(client("Eva")).await.expect("created");
    let mut ids: Vec<String> = (0..5).map(|_| nobody()).collect();
    let starts = [
        "NULL",
        "'2026-03-01T18:00:00.25Z'",
        "'2027-05-02Z'",
        "'2026-03-01T18:00:00.25Z'",
        "NULL",
    ];
    for (id, starts_at) in ids.iter().zip(starts) {
        link_event(&app, &host, id, "Boda", starts_at).await;
    }
    link_event(&app, &guest, &nobody(), "XV años", "now()").await;

    let found = admin.get(&host.id).await.expect("found");
    ids = [2, 1, 3, 0, 4]
        .map(|index: usize| ids[index].clone())
        .into();
    let told: Vec<_> = found.events.iter().map(|event| event.id.clone()).collect();
    assert_eq!(told, ids);
    let second = EventSummary {
        id: ids[1].clone(),
        name: "Boda".to_owned(),
        starts_at: Some(Timestamp {
            seconds: 1_772_388_000,
            nanos: 250_000_000,
        }),
    };
    assert_eq!(found.events[1], second);
    assert_eq!(found.events[4].starts_at, None);
    assert_eq!(found.event_count, 5);
    let mut alone = found.clone();
    (alone.events, alone.event_count) = (Vec::new(), 0);
    assert_eq!(alone, host);

    let listed = admin.list(ListClientsRequest::default()).await;
    let counts: Vec<_> = listed
        .expect("listed")
        .clients
        .iter()
        .map(|client| (client.name.clone(), client.event_count, client.events.len()))
        .collect();
    assert_eq!(counts, [("Eva".into(), 1, 0), ("Juan".into(), 5, 0)]);
}

#[tokio::test]
async fn each_status_tells_where_it_may_go() {
    use ClientStatus::{Active, Completed, Inactive, Prospect};
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    for (status, allowed) in [
        (Prospect, vec![Active, Inactive]),
        (Active, vec![Completed, Inactive]),
        (Completed, vec![Active]),
        (Inactive, vec![Prospect]),
    ] {
        let new = CreateClientRequest {
            status: status.into(),
            ..client("Ana")
        };
        let id = admin.create(new).await.expect("created").id;
        let found = admin.get(&id).await.expect("found");
        assert_eq!(found.status(), status);
        assert_eq!(found.allowed_transitions().collect::<Vec<_>>(), allowed);
    }
}

#[tokio::test]
async fn a_foreign_a_deleted_and_an_absent_client_are_one() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let stranger = other.platform_admin().saying("x-request-id", "uno");
    let admin = org.platform_admin().saying("x-request-id", "uno");
    let id = admin.create(client("Ana")).await.expect("created").id;
    let mut answers = vec![stranger.get(&id).await.expect_err("foreign")];
    admin.get(&id).await.expect("found");
    app.super_admin().delete(&id).await.expect("deleted");
    answers.push(admin.get(&id).await.expect_err("deleted"));
    app.execute("DELETE FROM clients").await;
    answers.push(admin.get(&id).await.expect_err("absent"));
    for answer in &answers {
        answer.is(Code::NotFound, "CLIENT_NOT_FOUND");
        assert_eq!(answer.message, answers[0].message);
        assert_eq!(answer.status.details(), answers[0].status.details());
    }
    let resource = answers[0].details.resource_info().expect("a resource");
    assert_eq!(resource.resource_name, id);
}

#[tokio::test]
async fn only_a_super_admin_sees_deleted_clients() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let made = admin.create(full("Juan")).await.expect("created");
    link_event(&app, &made, &nobody(), "Boda", "now()").await;
    let alive = get_deleted(&root, &made.id).await.expect("found");
    assert_eq!(alive, admin.get(&made.id).await.expect("found"));
    let deleted = root.delete(&made.id).await.expect("deleted");

    let found = get_deleted(&root, &made.id).await.expect("found");
    assert_eq!(found.deleted_at, deleted.deleted_at);
    assert_eq!((found.event_count, found.events.len()), (1, 1));
    let refused = root.get(&made.id).await.expect_err("deleted");
    refused.is(Code::NotFound, "CLIENT_NOT_FOUND");
    let refused = get_deleted(&admin, &made.id).await.expect_err("refused");
    refused.is(Code::PermissionDenied, "ROLE_REQUIRED");
    assert_eq!(refused.metadata["roles"], "SUPER_ADMIN");
}

#[tokio::test]
async fn an_id_is_a_uuid() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let made = admin.create(client("Ana")).await.expect("created");
    let found = admin.get(&made.id.to_uppercase()).await.expect("found");
    assert_eq!(found, made);
    for (id, reason) in [
        ("", "REQUIRED"),
        ("1", "INVALID_UUID"),
        (&made.id.replace('-', ""), "INVALID_UUID"),
    ] {
        let refused = admin.get(id).await.expect_err("refused");
        refused.violates(&[("id", reason)]);
    }
}
