//! A write that goes with COMMIT: what it answers is what it has written.

use std::time::Duration;

use nvito_clients::grpc::proto::{Client, ClientStatus, UpdateClientRequest};
use tokio::time::sleep;
use tonic::{Code, Request};

use super::{link_event, patch};
use crate::layers::waiting;
use crate::support::{Actor, App, assert_told, client, nobody};

fn notes(id: &str, text: &str) -> UpdateClientRequest {
    UpdateClientRequest {
        id: id.to_owned(),
        client: Some(patch(|p| p.notes = Some(text.to_owned()))),
        ..UpdateClientRequest::default()
    }
}

/// Asserts that an answer is what is there, and what its history tells.
async fn assert_there(actor: &Actor, answer: &Client) {
    let found = actor.even_deleted(&answer.id).await.expect("found");
    let expected = Client {
        events: found.events.clone(),
        ..answer.clone()
    };
    assert_eq!(found, expected);
    let history = actor.history(&answer.id).await.expect("a history");
    assert_told(answer, &history);
}

#[tokio::test]
async fn every_write_answers_what_is_there() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let (ana, eva) = (org.member("Ana").await, org.member("Eva").await);
    let made = admin.create(client("Juan")).await.expect("created");
    link_event(&app, &made, &nobody(), "Boda", "now()").await;
    for assignee in [ana.as_str(), eva.as_str(), ""] {
        let change = patch(|p| {
            p.assigned_to_id = Some(assignee.to_owned());
            p.email = Some(format!("juan{assignee}@example.com"));
        });
        let answer = admin.patch(&made.id, change).await.expect("changed");
        assert_eq!(answer.event_count, 1);
        let name = answer.assigned_to.clone().map(|user| user.first_name);
        let expected = match assignee {
            "" => None,
            _ if assignee == ana => Some("Ana".to_owned()),
            _ => Some("Eva".to_owned()),
        };
        assert_eq!(name, expected);
        assert_there(&root, &answer).await;
    }
    let step = admin.transition(&made.id, ClientStatus::Active).await;
    assert_there(&root, &step.expect("a step")).await;
    let deleted = root.delete(&made.id).await.expect("deleted");
    assert_eq!(deleted.deleted_at, deleted.updated_at);
    assert_there(&root, &deleted).await;
    let back = root.undelete(&made.id).await.expect("undeleted");
    assert_there(&root, &back).await;
}

/// What a write waits for is part of what it answers: an event that was linked
/// meanwhile is counted.
#[tokio::test]
async fn a_write_answers_what_it_has_waited_for() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let made = admin.create(client("Juan")).await.expect("created");
    let rival = app.superuser().await;
    let link = format!(
        "BEGIN;
         UPDATE clients SET notes = 'otra' WHERE id = '{0}';
         INSERT INTO events (id, organization_id, client_id, name)
             SELECT gen_random_uuid(), organization_id, id, 'Boda' FROM clients WHERE id = '{0}'",
        made.id
    );
    rival.batch_execute(&link).await.expect("linked");
    let change = notes(&made.id, "nueva");
    let (answer, ()) = tokio::join!(admin.update(change), async {
        waiting(&app, 1).await;
        rival.batch_execute("COMMIT").await.expect("committed");
    });
    let answer = answer.expect("changed");
    assert_eq!(answer.event_count, 1);
    let found = admin.get(&made.id).await.expect("found");
    let events = found.events.clone();
    assert_eq!(found, Client { events, ..answer });
}

/// What PostgreSQL refuses when COMMIT is under way already leaves nothing behind,
/// and a rehearsal hears of it as well.
#[tokio::test]
async fn a_write_that_is_refused_at_last_leaves_nothing() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let made = admin.create(client("Juan")).await.expect("created");
    app.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'deadlock detected'; END $$;
         CREATE TRIGGER refuse BEFORE UPDATE ON clients FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .await;
    let before = app.contents().await;
    let request = UpdateClientRequest {
        request_id: nobody(),
        ..notes(&made.id, "nueva")
    };
    let rehearsal = UpdateClientRequest {
        validate_only: true,
        ..notes(&made.id, "nueva")
    };
    for request in [request.clone(), rehearsal] {
        let refused = admin.update(request).await.expect_err("refused");
        refused.is(Code::Aborted, "TRANSACTION_CONFLICT");
        assert_eq!(app.contents().await, before);
    }
    app.execute("DROP TRIGGER refuse ON clients").await;
    let answer = admin.update(request).await.expect("carried out now");
    assert_there(&app.super_admin(), &answer).await;
}

/// Whoever else may be about to take the e-mail is waited for until the deadline, and
/// no longer: a caller that has heard so finds nothing written afterwards.
#[tokio::test]
async fn a_write_that_waits_ends_at_its_deadline() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let made = admin.create(client("Juan")).await.expect("created");
    let rival = app.superuser().await;
    let take = "BEGIN; INSERT INTO clients (id, organization_id, name, email)
                SELECT gen_random_uuid(), organization_id, 'Eva', 'eva@example.com' FROM clients";
    rival.batch_execute(take).await.expect("taken");
    let mut call = Request::new(UpdateClientRequest {
        id: made.id.clone(),
        client: Some(patch(|p| p.email = Some("eva@example.com".to_owned()))),
        ..UpdateClientRequest::default()
    });
    call.set_timeout(Duration::from_millis(500));
    let late = admin.clients().update_client(call).await;
    let late = late.expect_err("somebody holds the e-mail").code();
    assert!(
        [Code::DeadlineExceeded, Code::Cancelled].contains(&late),
        "{late:?}"
    );
    rival.batch_execute("ROLLBACK").await.expect("given back");
    waiting(&app, 0).await;
    sleep(Duration::from_millis(300)).await;
    assert_eq!(admin.get(&made.id).await.expect("found"), made);
}

/// The clock of `updated_at`: a writer's time is taken if it is later than the last
/// one, and never one that is not.
#[tokio::test]
async fn the_time_of_a_write_never_goes_back() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let made = admin.create(client("Juan")).await.expect("created");
    let holds = async |what: &str| {
        let sql = format!("SELECT count(*) FROM clients WHERE {what}");
        assert_eq!(app.count(&sql).await, 1, "{what}");
    };
    app.execute("UPDATE clients SET updated_at = now() - interval '1 hour'")
        .await;
    holds("updated_at BETWEEN now() - interval '1 minute' AND clock_timestamp()").await;
    app.execute("UPDATE clients SET updated_at = '2099-01-01Z'")
        .await;
    holds("updated_at = '2099-01-01Z'").await;
    app.execute("UPDATE clients SET notes = 'sin hora'").await;
    holds("updated_at = '2099-01-01Z' AND version = 4").await;
    let answer = admin.update(notes(&made.id, "nueva")).await;
    let answer = answer.expect("changed");
    holds("updated_at = '2099-01-01 00:00:00.000001Z' AND version = 5").await;
    assert_eq!(answer.updated_at.expect("a time").nanos, 1000);
    assert_eq!(answer.etag, admin.get(&made.id).await.expect("found").etag);
}
