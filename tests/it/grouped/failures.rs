//! Who fails, waits or is late does so alone.

use std::time::{Duration, Instant};

use nvito_clients::grpc::proto::{CreateClientRequest, ListClientsRequest};
use tokio::time::sleep;
use tonic::{Code, Request};

use super::{CONNECTIONS, Jam, LANES, answer, assert_there, created, made, notes, written};
use crate::support::{App, BUSY, client, nobody};

/// What PostgreSQL refuses of all of them, each hears for itself; nothing is left of it.
#[tokio::test]
async fn what_fails_as_a_whole_leaves_nothing_and_goes_one_by_one() {
    let app = App::with_connections(CONNECTIONS).await;
    let org = app.org("Propia").await;
    let admin = org.platform_admin();
    let (bad, good) = (made(&admin, "Mala").await, made(&admin, "Buena").await);
    app.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'deadlock detected'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON client_history FOR EACH ROW
             WHEN (NEW.changes::text LIKE '%imposible%') EXECUTE FUNCTION refuse()",
    )
    .await;
    let jam = Jam::of_changes(&app).await;
    let refused = written(&admin, notes(&bad.id, "imposible"));
    let written = written(&admin, notes(&good.id, "posible"));
    jam.clear().await;
    let refused = answer(refused).await.expect_err("refused");
    refused.is(Code::Aborted, "TRANSACTION_CONFLICT");
    assert_there(&admin, &bad).await;
    assert_there(&admin, &answer(written).await.expect("changed")).await;
}

/// Who waits for a client or an e-mail that somebody else holds keeps nobody waiting.
#[tokio::test]
async fn who_waits_for_another_holds_up_nobody() {
    let app = App::start().await;
    let stranger = app.org("Ajena").await.platform_admin();
    let free = made(&stranger, "Eva").await;
    let rival = app.superuser().await;
    rival.batch_execute("BEGIN").await.expect("begun");
    let mut waiting = Vec::new();
    for _ in 0..LANES {
        let org = app.org("Propia").await;
        let admin = org.platform_admin();
        let held = made(&admin, "Ana").await;
        let hold = format!(
            "SELECT FROM clients WHERE id = '{}' FOR UPDATE;
             INSERT INTO clients (id, organization_id, name, email)
             VALUES (gen_random_uuid(), '{}', 'Rival', 'ana@example.com')",
            held.id, org.id
        );
        rival.batch_execute(&hold).await.expect("held");
        waiting.push((admin, held));
    }
    let mut stuck = Vec::new();
    for (admin, held) in &waiting {
        let new = CreateClientRequest {
            email: Some("ana@example.com".to_owned()),
            ..client("Espera")
        };
        stuck.push(written(admin, notes(&held.id, "espera")));
        stuck.push(created(admin, new));
        // One by one: together they would not wait.
        sleep(Duration::from_millis(30)).await;
    }
    let began = Instant::now();
    let changed = stranger.update(notes(&free.id, "libre")).await;
    assert_there(&stranger, &changed.expect("changed")).await;
    assert!(began.elapsed() < BUSY, "{:?}", began.elapsed());
    made(&stranger, "Libre").await;
    assert!(began.elapsed() < BUSY, "{:?}", began.elapsed());
    assert!(stuck.iter().all(|stuck| !stuck.is_finished()));
    rival.batch_execute("ROLLBACK").await.expect("released");
    for stuck in stuck {
        answer(stuck).await.expect("written");
    }
}

/// Writes among others' count to the share of their organization: who floods waits for
/// itself.
#[tokio::test]
async fn whose_writes_go_together_has_its_share_and_no_more() {
    let app = App::with_connections(18).await;
    let stranger = app.org("Ajena").await.platform_admin();
    let jam = Jam::of_changes(&app).await;
    let admin = jam.admin.clone();
    // Those of the jam are most of its share, and these the rest.
    let rest: Vec<_> = (0..6)
        .map(|_| written(&admin, notes(&nobody(), "nadie")))
        .collect();
    sleep(Duration::from_millis(100)).await;
    let list = || ListClientsRequest::default();
    let refused = admin.list(list()).await.expect_err("its share is taken");
    refused.is(Code::ResourceExhausted, "SERVER_OVERLOADED");
    stranger.list(list()).await.expect("listed");
    jam.clear().await;
    for write in rest {
        answer(write).await.expect_err("nobody's client");
    }
    admin.list(list()).await.expect("listed");
}

/// Whoever waits longer than they may hears so, and has written nothing.
#[tokio::test]
async fn who_is_late_has_written_nothing() {
    let app = App::with_connections(CONNECTIONS).await;
    let org = app.org("Propia").await;
    let admin = org.platform_admin();
    let (late, good) = (made(&admin, "Tarde").await, made(&admin, "Buena").await);
    let jam = Jam::of_changes(&app).await;
    let good = written(&admin, notes(&good.id, "posible"));
    let mut call = Request::new(notes(&late.id, "tarde"));
    call.set_timeout(Duration::from_millis(100));
    let status = admin.clients().update_client(call).await;
    let code = status.expect_err("too late").code();
    assert!([Code::DeadlineExceeded, Code::Cancelled].contains(&code));
    jam.clear().await;
    answer(good).await.expect("changed");
    assert_there(&admin, &late).await;
}

/// Whose time is over while the writes are made has written nothing, and the others go
/// without them, at once.
#[tokio::test]
async fn a_deadline_in_the_middle_is_kept() {
    let app = App::with_connections(CONNECTIONS).await;
    let admin = app.org("Propia").await.platform_admin();
    app.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM pg_sleep(3); RETURN NEW; END $$;
         CREATE TRIGGER slow BEFORE INSERT ON clients FOR EACH ROW
             WHEN (NEW.name = 'Lenta') EXECUTE FUNCTION slow()",
    )
    .await;
    let other = app.org("Ajena").await.platform_admin();
    let jam = Jam::of_creations(&app).await;
    let slow = created(&admin, client("Lenta"));
    let beside = created(&other, client("Vecina"));
    let mut call = Request::new(client("Tarde"));
    // Longer than those before them take, and not as long as they take then.
    call.set_timeout(Duration::from_millis(2300));
    let mut clients = admin.clients();
    let late = tokio::spawn(async move { clients.create_client(call).await });
    jam.clear().await;
    let code = late.await.expect("no panic").expect_err("too late").code();
    assert!([Code::DeadlineExceeded, Code::Cancelled].contains(&code));
    let over = Instant::now();
    answer(beside).await.expect("created");
    assert!(over.elapsed() < BUSY, "{:?}", over.elapsed());
    answer(slow).await.expect("created");
    let late = "SELECT count(*) FROM clients WHERE name = 'Tarde'";
    assert_eq!(app.count(late).await, 0);
}
