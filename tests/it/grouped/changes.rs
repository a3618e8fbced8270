//! Changes that go together, and what each gets of it.

use nvito_clients::grpc::proto::{Client, ClientPatch, ClientStatus, UpdateClientRequest};
use tonic::Code;

use super::{CONNECTIONS, Jam, answer, assert_there, made, notes, patch, transactions, written};
use crate::support::{App, assert_whole, at_once, nobody, patiently, until};

#[tokio::test]
async fn changes_that_wait_go_together() {
    let app = App::with_connections(CONNECTIONS).await;
    let (own, other) = (app.org("Propia").await, app.org("Ajena").await);
    let actors = [own.platform_admin(), other.platform_admin()];
    let mut clients = Vec::new();
    for number in 0..12 {
        let actor = &actors[number % 2];
        clients.push((actor, made(actor, &format!("Ana {number}")).await));
    }
    let jam = Jam::of_changes(&app).await;
    let mut writes = Vec::new();
    for (number, (actor, client)) in clients.iter().enumerate() {
        writes.push(if number < 10 {
            written(actor, notes(&client.id, &format!("nota {number}")))
        } else {
            let (actor, id) = ((*actor).clone(), client.id.clone());
            tokio::spawn(async move { actor.transition(&id, ClientStatus::Active).await })
        });
    }
    jam.clear().await;
    let mut answers = Vec::new();
    for (number, (write, (actor, client))) in writes.into_iter().zip(&clients).enumerate() {
        let answer = answer(write).await.expect("changed");
        assert_eq!(answer.id, client.id);
        if number < 10 {
            assert_eq!(answer.notes, Some(format!("nota {number}")));
        } else {
            assert_eq!(answer.status(), ClientStatus::Active);
        }
        assert_there(actor, &answer).await;
        answers.push(answer);
    }
    assert_eq!(transactions(&app, &answers).await, 1);
}

/// Who is changed by another just before the group holds them: what is told of them is of
/// one moment, after that change.
#[tokio::test]
async fn what_a_change_answers_is_of_one_moment() {
    let app = App::with_connections(CONNECTIONS).await;
    let org = app.org("Una").await;
    let (admin, event) = (org.platform_admin(), org.event("Boda").await);
    let (ana, eva) = (made(&admin, "Ana").await, made(&admin, "Eva").await);
    // The group looks at Ana, and then takes its time to hold her.
    app.execute(&format!(
        "CREATE TABLE nap ();
         CREATE FUNCTION nap(id uuid) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
             BEGIN
                 IF id = '{}' AND EXISTS (SELECT FROM public.nap) THEN PERFORM pg_sleep(2.5); END IF;
                 RETURN true;
             END $$;
         ALTER POLICY grouped ON clients USING (
             strpos(current_setting('app.organization_ids', true), organization_id::text) > 0 AND nap(id))",
        ana.id
    ))
    .await;
    let jam = Jam::of_changes(&app).await;
    app.execute("INSERT INTO nap DEFAULT VALUES").await;
    let writes = [&ana, &eva].map(|client| written(&admin, notes(&client.id, "nota")));
    jam.clear().await;
    let naps = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                AND wait_event = 'PgSleep' AND query LIKE 'SELECT place, client.%'";
    until(async || app.count(naps).await == 1).await;
    admin.link(&event, &ana.id).await.expect("linked");
    app.execute("DELETE FROM nap").await;
    let [ana, eva] = writes;
    let (ana, eva) = (answer(ana).await, answer(eva).await);
    let ana = ana.expect("changed");
    assert_eq!(ana.event_count, 1);
    assert_there(&admin, &ana).await;
    assert_there(&admin, &eva.expect("changed")).await;
}

/// Whatever is wrong with one of them, or not plain, is nobody else's.
#[tokio::test]
async fn each_change_gets_what_is_its_own() {
    let app = App::with_connections(CONNECTIONS).await;
    let (own, other) = (app.org("Propia").await, app.org("Ajena").await);
    let (admin, stranger) = (own.platform_admin(), other.platform_admin());
    let eva = own.member("Eva").await;
    let mut clients = Vec::new();
    for number in 0..9 {
        clients.push(made(&admin, &format!("Ana {number}")).await);
    }
    let [
        plain,
        stale,
        twice,
        again,
        moves,
        renamed,
        same,
        stays,
        held,
    ] = <[Client; 9]>::try_from(clients).expect("nine");
    let foreign = made(&stranger, "Eva").await;
    let untouched = made(&stranger, "Zoe").await;
    let rival = app.superuser().await;
    let hold = format!(
        "BEGIN; SELECT FROM clients WHERE id = '{}' FOR UPDATE",
        held.id
    );
    rival.batch_execute(&hold).await.expect("held");

    let before = notes(&stays.id, "antes");
    let answered = admin.update(before.clone()).await.expect("changed");

    let jam = Jam::of_changes(&app).await;
    let with_etag = |etag: &str| UpdateClientRequest {
        etag: etag.to_owned(),
        ..notes(&stale.id, "nueva")
    };
    let repeated = notes(&again.id, "una vez");
    let goes = |request| written(&admin, request);
    let good = goes(notes(&plain.id, "nueva"));
    let hers = written(&stranger, notes(&foreign.id, "suya"));
    let across = goes(notes(&untouched.id, "ajena"));
    let same_as_hers = goes(notes(&foreign.id, "ajena"));
    let absent = goes(notes(&nobody(), "nadie"));
    let outdated = goes(with_etag("0000abcd"));
    let both = ["primera", "segunda"].map(|text| goes(notes(&twice.id, text)));
    let twins = [(); 2].map(|()| goes(repeated.clone()));
    let assigned = goes(patch(
        &moves.id,
        ClientPatch {
            assigned_to_id: Some(eva.clone()),
            ..ClientPatch::default()
        },
    ));
    let named = goes(patch(
        &renamed.id,
        ClientPatch {
            name: Some("Beatriz".to_owned()),
            email: Some("bea@example.com".to_owned()),
            ..ClientPatch::default()
        },
    ));
    let unchanged = goes(patch(
        &same.id,
        ClientPatch {
            r#type: Some(same.r#type),
            ..ClientPatch::default()
        },
    ));
    let repetition = goes(before);
    let forbidden = {
        let (admin, id) = (admin.clone(), stays.id.clone());
        tokio::spawn(async move { admin.transition(&id, ClientStatus::Completed).await })
    };
    let late = goes(notes(&held.id, "tarde"));
    jam.clear().await;

    let (good, hers) = (answer(good).await, answer(hers).await);
    let together = [good.expect("changed"), hers.expect("changed")];
    assert_there(&admin, &together[0]).await;
    assert_there(&stranger, &together[1]).await;
    assert_eq!(transactions(&app, &together).await, 1);
    for nowhere in [across, same_as_hers, absent] {
        let refused = answer(nowhere).await.expect_err("not theirs");
        refused.is(Code::NotFound, "CLIENT_NOT_FOUND");
    }
    let refused = answer(outdated).await.expect_err("outdated");
    refused.is(Code::Aborted, "ETAG_MISMATCH");
    for write in both {
        answer(write).await.expect("one after the other");
    }
    assert_eq!(admin.history(&twice.id).await.expect("told").len(), 3);
    let [first, second] = twins;
    let (first, second) = (answer(first).await, answer(second).await);
    assert_eq!(first.expect("changed"), second.expect("the same answer"));
    assert_eq!(admin.history(&again.id).await.expect("told").len(), 2);
    let assigned = answer(assigned).await.expect("assigned");
    assert_eq!(assigned.assigned_to.as_ref().expect("Eva").id, eva);
    assert_there(&admin, &assigned).await;
    assert_there(&admin, &answer(named).await.expect("renamed")).await;
    assert_eq!(answer(unchanged).await.expect("as it was"), same);
    assert_eq!(answer(repetition).await.expect("as before"), answered);
    let refused = answer(forbidden).await.expect_err("no such step");
    refused.is(Code::FailedPrecondition, "CLIENT_TRANSITION_NOT_ALLOWED");
    // Nobody has waited for it but its own caller.
    assert!(!late.is_finished());
    rival.batch_execute("ROLLBACK").await.expect("released");
    assert_there(&admin, &answer(late).await.expect("changed")).await;
    let left = stranger.get(&foreign.id).await.expect("found");
    assert_eq!(left.notes.as_deref(), Some("suya"));
    assert_there(&stranger, &untouched).await;
}

/// Nothing is lost and nothing done twice when many write the same few clients at once.
#[tokio::test]
async fn a_crowd_on_few_clients_is_told_to_the_last_write() {
    let app = App::start().await;
    let (own, other) = (app.org("Propia").await, app.org("Ajena").await);
    let actors = [own.platform_admin(), other.platform_admin()];
    let mut clients = Vec::new();
    for number in 0..6 {
        clients.push(made(&actors[number % 2], &format!("Ana {number}")).await);
    }
    let writes = (0..60).map(|number| {
        let (actor, id) = (actors[number % 2].clone(), clients[number % 6].id.clone());
        async move {
            let request = notes(&id, &format!("nota {number}"));
            patiently(|| actor.update(request.clone())).await
        }
    });
    for answer in at_once(writes).await {
        answer.expect("changed");
    }
    for (number, client) in clients.iter().enumerate() {
        let history = actors[number % 2].history(&client.id).await.expect("told");
        assert_eq!(history.len(), 11, "each write, once");
        assert_whole(&history);
    }
}
