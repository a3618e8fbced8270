//! `BatchGetClients`.

use nvito_clients::grpc::proto::{
    BatchGetClientsRequest, BatchGetClientsResponse, Client, CreateClientRequest,
};

use crate::support::{Actor, App, Failure, client, nobody};

async fn batch<I>(actor: &Actor, ids: I) -> Result<BatchGetClientsResponse, Failure>
where
    I: IntoIterator<Item: AsRef<str>>,
{
    let ids = ids.into_iter().map(|id| id.as_ref().to_owned()).collect();
    let request = BatchGetClientsRequest { ids };
    Ok(actor
        .clients()
        .batch_get_clients(request)
        .await?
        .into_inner())
}

#[tokio::test]
async fn clients_come_in_the_order_asked_for() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let mut made = Vec::new();
    for index in 0..100 {
        let new = client(&format!("Ana {index}"));
        made.push(admin.create(new).await.expect("created"));
    }
    // Neither the order of the ids nor its reverse.
    made.sort_by_key(|client| client.id.chars().rev().collect::<String>());
    let found = batch(&admin, made.iter().map(|client| &client.id)).await;
    let found = found.expect("a hundred");
    assert_eq!(found.clients, made);
    assert_eq!(found.missing_ids, [""; 0]);

    let (first, second) = (&made[0], &made[1]);
    let (absent, upper) = (nobody(), second.id.to_uppercase());
    let asked = [&first.id, &absent, &upper, &first.id, &absent];
    let found = batch(&admin, asked).await.expect("with repetitions");
    let expected = [first, second, first].map(Client::clone);
    assert_eq!(found.clients, expected);
    assert_eq!(found.missing_ids, [&absent, &absent].map(String::as_str));

    let none: [&str; 0] = [];
    let empty = batch(&admin, none).await.expect("nothing");
    assert_eq!(empty, BatchGetClientsResponse::default());
}

#[tokio::test]
async fn whatever_is_not_in_sight_is_missing_alike() {
    let app = App::start().await;
    let (north, south) = (app.org("Norte").await, app.org("Sur").await);
    let (admin, root) = (north.platform_admin(), app.super_admin());
    let own = admin.create(client("Ana")).await.expect("created");
    let gone = admin.create(client("Eva")).await.expect("created");
    root.delete(&gone.id).await.expect("deleted");
    let foreign = south.platform_admin().create(client("Luz")).await;
    let foreign = foreign.expect("created");
    let absent = nobody();

    for missing in [&gone.id, &foreign.id, &absent] {
        let answer = batch(&admin, [missing]).await.expect("an answer");
        let expected = BatchGetClientsResponse {
            clients: Vec::new(),
            missing_ids: vec![missing.clone()],
        };
        assert_eq!(answer, expected);
    }
    let asked = [&foreign.id, &own.id, &gone.id, &absent];
    let answer = batch(&admin, asked).await.expect("an answer");
    assert_eq!(answer.clients, std::slice::from_ref(&own));
    assert_eq!(
        answer.missing_ids,
        [&foreign.id, &gone.id, &absent].map(String::as_str)
    );

    // A Super Admin sees every organization, but no deleted client either.
    let answer = batch(&root, asked).await.expect("an answer");
    assert_eq!(answer.clients, [foreign, own]);
    assert_eq!(answer.missing_ids, [&gone.id, &absent].map(String::as_str));
}

#[tokio::test]
async fn events_are_counted_and_not_listed() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    let ana = org.member("Ana").await;
    let new = CreateClientRequest {
        assigned_to_id: Some(ana),
        ..client("Eva")
    };
    let made = admin.create(new).await.expect("created");
    for name in ["Boda", "Tornaboda"] {
        let event = org.event(name).await;
        admin.link(&event, &made.id).await.expect("linked");
    }
    let found = batch(&admin, [&made.id]).await.expect("found");
    let alone = admin.get(&made.id).await.expect("found");
    assert_eq!((alone.event_count, alone.events.len()), (2, 2));
    let expected = Client {
        events: Vec::new(),
        ..alone
    };
    assert_eq!(found.clients, [expected]);
}

#[tokio::test]
async fn too_many_and_malformed_ids_are_refused() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let ids: Vec<String> = (0..101).map(|_| nobody()).collect();
    let most = batch(&admin, &ids[..100]).await.expect("a hundred");
    assert_eq!(most.missing_ids, ids[..100]);
    let refused = batch(&admin, &ids).await.expect_err("too many");
    refused.violates(&[("ids", "TOO_MANY")]);

    let mut some = ids[..6].to_vec();
    some[3] = "x".to_owned();
    some[5] = String::new();
    let refused = batch(&admin, &some).await.expect_err("malformed");
    refused.violates(&[("ids[3]", "INVALID_UUID"), ("ids[5]", "REQUIRED")]);
}
