//! Creations that go together, and what each gets of it.

use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::CreateClientRequest;
use tonic::Code;

use super::{CONNECTIONS, Jam, answer, assert_there, created, transactions};
use crate::support::{Actor, App, client, nobody};

#[tokio::test]
async fn creations_that_wait_go_together_and_each_gets_its_own() {
    let app = App::with_connections(CONNECTIONS).await;
    let (own, other) = (app.org("Propia").await, app.org("Ajena").await);
    let (admin, stranger) = (own.platform_admin(), other.platform_admin());
    let (eva, zoe) = (own.member("Eva").await, other.member("Zoe").await);
    let unknown = app.actor(Role::PlatformAdmin, Some(&nobody()));
    let email = |actor: &Actor, email: &str| {
        let email = Some(email.to_owned());
        created(
            actor,
            CreateClientRequest {
                email,
                request_id: nobody(),
                ..client("Con correo")
            },
        )
    };
    let assigned = |user: &str| {
        let assigned_to_id = Some(user.to_owned());
        created(
            &admin,
            CreateClientRequest {
                assigned_to_id,
                ..client("Con responsable")
            },
        )
    };
    let taken = CreateClientRequest {
        email: Some("ya@example.com".to_owned()),
        ..client("La primera")
    };
    let first = admin.create(taken).await.expect("created");
    let twin = CreateClientRequest {
        request_id: nobody(),
        ..client("Una sola vez")
    };

    let jam = Jam::of_creations(&app).await;
    let good = [
        email(&admin, "uno@example.com"),
        email(&stranger, "uno@example.com"),
        email(&stranger, "ya@example.com"),
        assigned(&eva),
        created(&admin, client("Sin nada")),
    ];
    let known = email(&admin, "YA@example.com");
    let rivals = ["dos@example.com", "DOS@example.com"].map(|address| email(&admin, address));
    let foreign = assigned(&zoe);
    let nowhere = created(&unknown, client("De nadie"));
    let twins = [(); 2].map(|()| created(&admin, twin.clone()));
    jam.clear().await;

    let mut clients = Vec::new();
    for write in good {
        clients.push(answer(write).await.expect("created"));
    }
    assert_eq!(transactions(&app, &clients).await, 1);
    for client in &clients {
        let whose = if client.organization_id == own.id {
            &admin
        } else {
            &stranger
        };
        assert_there(whose, client).await;
    }
    assert_eq!(clients[3].assigned_to.as_ref().expect("Eva").id, eva);
    let refused = answer(known).await.expect_err("taken");
    refused.is(Code::AlreadyExists, "CLIENT_EMAIL_TAKEN");
    assert!(format!("{refused:?}").contains(&first.id), "{refused:?}");
    let [one, two] = rivals;
    let (one, two) = (answer(one).await, answer(two).await);
    let refused = if one.is_ok() { two } else { one };
    let refused = refused.expect_err("one of them");
    refused.is(Code::AlreadyExists, "CLIENT_EMAIL_TAKEN");
    let refused = answer(foreign).await.expect_err("another's member");
    refused.is(Code::InvalidArgument, "ASSIGNEE_NOT_IN_ORGANIZATION");
    let refused = answer(nowhere).await.expect_err("no such organization");
    refused.is(Code::InvalidArgument, "ORGANIZATION_NOT_FOUND");
    let [one, two] = twins;
    assert_eq!(
        answer(one).await.expect("created"),
        answer(two).await.expect("the same answer")
    );
    let once = "SELECT count(*) FROM clients WHERE name = 'Una sola vez'";
    assert_eq!(app.count(once).await, 1);
}
