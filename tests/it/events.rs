//! Whose an event is.

mod races;
mod walls;

use nvito_clients::grpc::proto::ClientHistoryKind as Kind;
use nvito_clients::grpc::proto::{
    AcquisitionSource, BatchGetClientsRequest, Client, ClientCard, ClientStatus, ClientType,
    CreateClientRequest, RemoveEventRequest,
};
use tonic::Code;

use crate::support::{Actor, App, assert_told, client, kinds};

/// What a client and its history say of its events: how many there are, and
/// how often one came or went.
async fn events(root: &Actor, id: &str) -> (i32, Vec<Kind>) {
    let client = root.even_deleted(id).await.expect("found");
    let history = root.history(id).await.expect("told");
    assert_told(&client, &history);
    let linking = |kind: &Kind| [Kind::EventLinked, Kind::EventUnlinked].contains(kind);
    let moves = kinds(&history).into_iter().filter(linking).collect();
    (client.event_count, moves)
}

#[tokio::test]
async fn an_event_shows_its_clients_card() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    let text = |text: &str| Some(text.to_owned());
    let full = CreateClientRequest {
        email: text("Eventos@norte.mx"),
        phone: text("(55) 1234-5678"),
        r#type: ClientType::Company.into(),
        status: ClientStatus::Active.into(),
        rfc: text("EKU9003173C9"),
        business_name: text("Eventos del Norte, S.A. de C.V."),
        billing_address: text("Av. Juárez 1\nCol. Centro"),
        acquisition_source: AcquisitionSource::Google.into(),
        notes: text("nadie lo lea"),
        ..client("Eventos del Norte")
    };
    let party = org.event("Boda").await;
    let empty = admin.event(&party).await.expect("found");
    assert_eq!((&*empty.name, &empty.client), ("Boda", &None));
    assert_eq!((&empty.id, &empty.organization_id), (&party, &org.id));
    for new in [full, client("Ana")] {
        let made = admin.create(new).await.expect("created");
        let linked = admin.link(&party, &made.id).await.expect("linked");
        let Client {
            id,
            name,
            email,
            phone,
            r#type,
            status,
            rfc,
            business_name,
            billing_address,
            ..
        } = made;
        let card = ClientCard {
            id,
            name,
            email,
            phone,
            r#type,
            status,
            rfc,
            business_name,
            billing_address,
        };
        assert_eq!(linked.client.as_ref(), Some(&card));
        assert_eq!(admin.event(&party).await.expect("found"), linked);
        assert_eq!(
            app.super_admin().event(&party).await.expect("found"),
            linked
        );
        admin
            .transition(&card.id, ClientStatus::Inactive)
            .await
            .expect("a step");
        let event = admin.event(&party).await.expect("found");
        assert_eq!(
            event.client.expect("a card").status(),
            ClientStatus::Inactive
        );
        assert_eq!(admin.unlink(&party).await.expect("unlinked"), empty);
    }
}

#[tokio::test]
async fn an_event_has_one_client_at_a_time() {
    use Kind::{EventLinked as Came, EventUnlinked as Went};
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let ana = admin.create(client("Ana")).await.expect("created").id;
    let eva = admin.create(client("Eva")).await.expect("created").id;
    let (party, dinner) = (org.event("Boda").await, org.event("Cena").await);
    let linked = admin.link(&party, &ana).await.expect("linked");
    admin.link(&dinner, &ana).await.expect("linked");
    let before = app.contents().await;
    assert_eq!(admin.link(&party, &ana).await.expect("the same"), linked);
    assert_eq!(app.contents().await, before);
    assert_eq!(events(&root, &ana).await, (2, vec![Came, Came]));

    let moved = admin.link(&party, &eva).await.expect("moved");
    assert_eq!(moved.client.expect("a card").id, eva);
    assert_eq!(events(&root, &ana).await, (1, vec![Came, Came, Went]));
    assert_eq!(events(&root, &eva).await, (1, vec![Came]));
    let shown = admin.get(&eva).await.expect("found").events;
    assert_eq!((shown.len(), &shown[0].id), (1, &party));

    assert_eq!(admin.unlink(&party).await.expect("unlinked").client, None);
    assert_eq!(events(&root, &eva).await, (0, vec![Came, Went]));
    let before = app.contents().await;
    assert_eq!(admin.unlink(&party).await.expect("nobody's").client, None);
    assert_eq!(app.contents().await, before);

    let request = RemoveEventRequest { id: dinner.clone() };
    root.directory()
        .remove_event(request)
        .await
        .expect("removed");
    assert_eq!(events(&root, &ana).await, (0, vec![Came, Came, Went, Went]));
    let refused = admin.event(&dinner).await.expect_err("removed");
    refused.is(Code::NotFound, "EVENT_NOT_FOUND");
}

#[tokio::test]
async fn the_link_to_a_deleted_client_is_hidden_until_it_is_back_or_replaced() {
    use Kind::{EventLinked as Came, EventUnlinked as Went};
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let ana = admin.create(client("Ana")).await.expect("created").id;
    let eva = admin.create(client("Eva")).await.expect("created").id;
    let party = org.event("Boda").await;
    let linked = admin.link(&party, &ana).await.expect("linked");
    root.delete(&ana).await.expect("deleted");
    let before = app.contents().await;
    for actor in [&admin, &root] {
        assert_eq!(actor.unlink(&party).await.expect("nobody's").client, None);
        let refused = actor.link(&party, &ana).await.expect_err("deleted");
        refused.is(Code::NotFound, "CLIENT_NOT_FOUND");
    }
    assert_eq!(app.contents().await, before);
    root.undelete(&ana).await.expect("back");
    assert_eq!(admin.event(&party).await.expect("found"), linked);

    root.delete(&ana).await.expect("deleted");
    admin.link(&party, &eva).await.expect("moved");
    assert_eq!(events(&root, &ana).await, (0, vec![Came, Went]));
    assert_eq!(events(&root, &eva).await, (1, vec![Came]));
    assert_eq!(root.undelete(&ana).await.expect("back").event_count, 0);
    let event = admin.event(&party).await.expect("found");
    assert_eq!(event.client.expect("a card").id, eva);

    root.delete(&eva).await.expect("deleted");
    let request = RemoveEventRequest { id: party };
    root.directory()
        .remove_event(request)
        .await
        .expect("removed");
    assert_eq!(events(&root, &eva).await, (0, vec![Came, Went]));
}

/// GetClient answers the latest thousand events and says how many there are in all;
/// a batch says only that.
#[tokio::test]
async fn of_very_many_events_the_latest_are_answered_and_all_are_counted() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    let id = admin.create(client("Ana")).await.expect("created").id;
    let superuser = app.superuser().await;
    let link = async |name: &str, starts_at: &str, numbers: &str| {
        let sql = format!(
            "INSERT INTO events (id, organization_id, client_id, name, starts_at)
             SELECT gen_random_uuid(), '{}', '{id}', '{name} ' || n, {starts_at}
             FROM generate_series({numbers}) AS n",
            org.id
        );
        superuser.batch_execute(&sql).await.expect("linked");
    };
    let day = "timestamptz '2026-01-01 12:00-06' + n * interval '1 day'";
    link("sin fecha", "NULL", "1, 2").await;
    link("boda", day, "1, 997").await;
    for (more, answered, last) in [
        (None, 999, "sin fecha"),
        (Some("998, 998"), 1000, "sin fecha"),
        (Some("999, 1003"), 1000, "boda 4"),
    ] {
        if let Some(numbers) = more {
            link("boda", day, numbers).await;
        }
        let all: i64 = app.count("SELECT count(*) FROM events").await;
        let found = admin.get(&id).await.expect("found");
        assert_eq!(i64::from(found.event_count), all);
        assert_eq!(found.events.len(), answered);
        let names: Vec<_> = found.events.iter().map(|event| &event.name).collect();
        assert_eq!(names[0], &format!("boda {}", all - 2), "the latest first");
        let end = names[answered - 1];
        assert!(end.starts_with(last), "{end}");
        let batch = BatchGetClientsRequest {
            ids: vec![id.clone()],
        };
        let batch = admin.clients().batch_get_clients(batch).await;
        let of_batch = &batch.expect("found").into_inner().clients[0];
        assert_eq!(
            (of_batch.event_count, of_batch.events.len()),
            (found.event_count, 0)
        );
    }
}
