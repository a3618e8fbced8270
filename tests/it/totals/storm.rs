//! Everybody writes at once, while totals are added up and somebody counts.

use nvito_clients::grpc::proto::{
    ClientPatch, ClientStatus, CreateClientRequest, ListClientsRequest, ReassignClientsRequest,
};

use super::{MARK, WRONG, number};
use crate::support::{Actor, App, Org, at_once, client};

/// One writer's steps through the lives of its own clients, in an organization
/// with two people.
async fn writer(number: usize, (admin, root): (Actor, Actor), people: [String; 2]) {
    let mut ids: Vec<String> = Vec::new();
    for step in 0..60 {
        let dice = (number * 7919 + step * 104_729) % 97;
        let person = &people[dice % 2];
        let id = ids.get(dice % ids.len().max(1)).cloned();
        // What is refused, as a member who has left, has to leave no trace.
        match (dice % 8, id) {
            (0 | 1, _) | (_, None) => {
                let new = CreateClientRequest {
                    status: i32::try_from(dice % 4).expect("small") + 1,
                    r#type: i32::try_from(dice % 2).expect("small") + 1,
                    assigned_to_id: (!dice.is_multiple_of(3)).then(|| person.clone()),
                    ..client("Ana")
                };
                ids.extend(admin.create(new).await.ok().map(|made| made.id));
            }
            (2, Some(id)) => {
                let _ = admin.transition(&id, ClientStatus::Active).await;
                let _ = admin.transition(&id, ClientStatus::Inactive).await;
            }
            (3, Some(id)) => {
                let patch = ClientPatch {
                    assigned_to_id: Some(person.clone()),
                    notes: Some(step.to_string()),
                    ..ClientPatch::default()
                };
                let _ = admin.patch(&id, patch).await;
            }
            (4, Some(id)) => drop(root.delete(&id).await),
            (5, Some(id)) => drop(root.undelete(&id).await),
            (6, Some(id)) => drop(root.purge(&id).await),
            (_, Some(_)) => {
                let request = ReassignClientsRequest {
                    from_user_id: person.clone(),
                    to_user_id: people[(dice + 1) % 2].clone(),
                    ..ReassignClientsRequest::default()
                };
                let _ = admin.reassign(request).await;
            }
        }
    }
}

/// Totals of every filter there is, as lists say them and as PostgreSQL counts.
async fn assert_every_total(app: &App, org: &Org<'_>, people: &[String]) {
    let (root, sql) = (app.super_admin(), app.superuser().await);
    let statuses = ["", "PROSPECT", "ACTIVE", "COMPLETED", "INACTIVE"];
    let assignees = [("", false), ("", true)].into_iter();
    let assignees: Vec<_> = assignees
        .chain(people.iter().map(|person| (person.as_str(), false)))
        .collect();
    for organization in ["", org.id.as_str()] {
        for (status, name) in (0..).zip(statuses) {
            for (r#type, kind) in (0..).zip(["", "INDIVIDUAL", "COMPANY"]) {
                for &(assignee, unassigned) in &assignees {
                    for show_deleted in [false, true] {
                        let request = ListClientsRequest {
                            status,
                            r#type,
                            assigned_to_id: assignee.to_owned(),
                            unassigned,
                            show_deleted,
                            organization_id: organization.to_owned(),
                            ..ListClientsRequest::default()
                        };
                        let list = root.list(request.clone()).await.expect("listed");
                        let counted = format!(
                            "SELECT count(*) FROM clients
                             WHERE '{organization}' IN ('', organization_id::text)
                               AND '{name}' IN ('', status) AND '{kind}' IN ('', type)
                               AND '{assignee}' IN ('', assigned_to_id::text)
                               AND (assigned_to_id IS NULL OR NOT {unassigned})
                               AND (deleted_at IS NULL OR {show_deleted})"
                        );
                        let total = list.meta.expect("meta").total;
                        assert_eq!(total, number(&sql, &counted).await, "{request:?}");
                    }
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_are_exact_whoever_writes_at_once() {
    let app = App::start().await;
    let mut writers = Vec::new();
    let orgs = [app.org("Norte").await, app.org("Sur").await];
    let mut people = Vec::new();
    for org in &orgs {
        let pair = [org.member("Ana").await, org.member("Eva").await];
        for number in 0..4 {
            let actors = (org.platform_admin(), app.super_admin());
            writers.push(writer(writers.len() + number, actors, pair.clone()));
        }
        people.extend(pair);
    }
    let writers = tokio::spawn(at_once(writers));
    // Members come and go, totals are added up, and somebody counts meanwhile.
    let (folding, watching) = (app.superuser().await, app.superuser().await);
    let mut rounds = 0;
    while !writers.is_finished() {
        let person = &people[rounds % 2];
        orgs[0].upsert_member(person, "Ana", rounds % 4 < 2).await;
        let transaction = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM organizations";
        watching
            .batch_execute(transaction)
            .await
            .expect("a snapshot");
        number(&folding, "SELECT fold_client_totals()::bigint").await;
        assert_eq!(number(&watching, WRONG).await, 0);
        watching.batch_execute("COMMIT").await.expect("the end");
        rounds += 1;
    }
    writers.await.expect("no panic");
    assert!(rounds > 5, "{rounds}");
    assert_eq!(number(&watching, WRONG).await, 0);
    assert!(number(&watching, "SELECT count(*) FROM clients").await > 50);
    for (org, people) in orgs.iter().zip(people.chunks(2)) {
        assert_every_total(&app, org, people).await;
    }

    let mark = number(&watching, MARK).await;
    number(&folding, "SELECT fold_client_totals()::bigint").await;
    assert_eq!(number(&watching, MARK).await, mark, "nobody writes");
    // Two at once may have left a kind two sums: its next write makes one of them.
    let noted = "SELECT count(*) FROM client_totals WHERE grain = 'WRITE'";
    assert_eq!(number(&watching, noted).await, 0);
    assert_eq!(number(&watching, WRONG).await, 0);
}
