//! Callers who want one event at the same moment.

use nvito_clients::grpc::proto::ClientHistoryKind as Kind;
use tokio::join;
use tonic::Code;

use super::events;
use crate::support::{Actor, App, Failure, assert_whole, at_once, client, patiently};

/// What a call answers once it is not crossed by another: a conflict that
/// outlasts the service's own tries is the caller's to try again.
async fn stubbornly<T, C>(call: impl Fn() -> C) -> Result<T, Failure>
where
    C: Future<Output = Result<T, Failure>>,
{
    loop {
        match patiently(&call).await {
            Err(failure) if failure.reason == "TRANSACTION_CONFLICT" => {}
            answer => return answer,
        }
    }
}

/// Asserts that a client's history and its events tell the same.
async fn assert_consistent(root: &Actor, id: &str, holds: bool) {
    let (count, moves) = events(root, id).await;
    let came = moves
        .iter()
        .filter(|kind| **kind == Kind::EventLinked)
        .count();
    assert_eq!(count, i32::from(holds), "{moves:?}");
    assert_eq!(came - (moves.len() - came), usize::from(holds), "{moves:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_links_is_the_last() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let party = org.event("Boda").await;
    let mut ids = Vec::new();
    for number in 0..8 {
        let new = client(&format!("Cliente {number}"));
        ids.push(admin.create(new).await.expect("created").id);
    }
    for _ in 0..5 {
        let calls = (0..16).map(|number| {
            let (admin, party, id) = (admin.clone(), party.clone(), ids[number % 8].clone());
            async move { stubbornly(|| admin.link(&party, &id)).await }
        });
        for linked in at_once(calls).await {
            linked.expect("linked").client.expect("a card");
        }
        let holder = admin.event(&party).await.expect("found");
        let holder = holder.client.expect("a card").id;
        for id in &ids {
            assert_consistent(&root, id, *id == holder).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_never_outlives_its_client() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let party = org.event("Boda").await;
    let keeper = admin.create(client("Eva")).await.expect("created").id;
    for round in 0..20 {
        let id = admin.create(client("Ana")).await.expect("created").id;
        // From nobody, from a client that lives, to and from the one that goes.
        if round % 3 == 1 {
            admin.link(&party, &keeper).await.expect("linked");
        }
        let end = async {
            let deleted = root.delete(&id).await;
            let purged = root.purge(&id).await;
            deleted.and(purged)
        };
        let (target, ended, undone) = if round % 3 == 2 {
            admin.link(&party, &id).await.expect("linked");
            let (moved, ended, undone) =
                join!(admin.link(&party, &keeper), end, admin.unlink(&party));
            moved.expect("it lives");
            (None, ended, undone)
        } else {
            let (linked, ended, undone) = join!(admin.link(&party, &id), end, admin.event(&party));
            (linked.err(), ended, undone)
        };
        ended.expect("deleted and purged");
        undone.expect("the event is there");
        if let Some(refused) = target {
            refused.is(Code::NotFound, "CLIENT_NOT_FOUND");
        }
        let event = admin.event(&party).await.expect("the event is there");
        let held = event.client.is_some_and(|card| card.id == keeper);
        assert_consistent(&root, &keeper, held).await;
        let history = root.history(&id).await.expect("told");
        assert_eq!(history[0].kind(), Kind::Purged);
        assert_whole(&history);
        if held {
            admin.unlink(&party).await.expect("unlinked");
        }
    }
}
