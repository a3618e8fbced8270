//! What happens to clients over time, and what is read of all of them at once.

use nvito_clients::grpc::proto::{
    BatchGetClientsRequest, Client, ClientPatch, ClientStatus, CreateClientRequest,
    ListClientHistoryRequest, ReassignClientsRequest, RemoveEventRequest, SuggestClientsRequest,
    SummarizeClientsRequest, SummaryGroup, UpdateClientRequest,
};
use tokio_postgres::Client as Sql;

use super::{plans, scans, too_much};
use crate::summaries::{by, seeds, summarize};
use crate::support::{Actor, Failure, at_once, client, nobody};

/// Calls of one tenant and of a Super Admin, in an organization that has a
/// member with clients.
pub(super) async fn all(
    sql: &Sql,
    (tenant, root): (&Actor, &Actor),
    (organization, assignee): (&str, &str),
) {
    seeds::assert_all_told(sql, (tenant, root), organization).await;
    many(tenant, root, sql, (organization, assignee)).await;
    summaries(tenant, root, organization).await;
    suggestions(tenant).await;
    lives(tenant, root, sql, organization).await;
    together(tenant, sql, (organization, assignee)).await;
}

/// Writes of several callers in one transaction.
async fn together(tenant: &Actor, sql: &Sql, (organization, assignee): (&str, &str)) {
    let some = format!(
        "SELECT id::text FROM clients WHERE organization_id = '{organization}'
         AND deleted_at IS NULL ORDER BY md5(id::text) LIMIT 20"
    );
    let ids = ids(sql, &some).await;
    let changes = || async {
        let change = |id: &String| {
            let (tenant, id) = (tenant.clone(), id.clone());
            async move {
                let patch = ClientPatch {
                    notes: Some(nobody()),
                    ..ClientPatch::default()
                };
                let request = UpdateClientRequest {
                    id,
                    client: Some(patch),
                    request_id: nobody(),
                    ..UpdateClientRequest::default()
                };
                tenant.update(request).await
            }
        };
        at_once(ids.iter().map(change)).await.into_iter().collect()
    };
    shared("changes", "Update on clients", changes).await;
    let creations = || async {
        let creation = |_| {
            let tenant = tenant.clone();
            let new = CreateClientRequest {
                email: Some(format!("{}@example.com", nobody())),
                assigned_to_id: Some(assignee.to_owned()),
                request_id: nobody(),
                ..client("Nueva")
            };
            async move { tenant.create(new).await }
        };
        at_once((0..20).map(creation)).await.into_iter().collect()
    };
    shared("creations", "Insert on clients", creations).await;
}

/// Asserts that the plans of writes are quiet, some of which went together.
async fn shared<C>(what: &str, step: &str, writes: impl Fn() -> C)
where
    C: Future<Output = Result<Vec<Client>, Failure>>,
{
    for _ in 0..20 {
        let mut log = String::new();
        let watched = async {
            let (answer, seen) = plans(writes()).await;
            log = seen;
            answer
        };
        quiet(what, watched).await;
        let mut blocks = log.split(" LOG:  duration: ");
        if blocks.any(|block| block.contains(step) && block.contains("FROM unnest(")) {
            return;
        }
    }
    panic!("no {what} went together");
}

/// More than PostgreSQL expects of any step that reads a hundred rows by their
/// keys, and less than it expects of one that reads an index whole.
const COST_MOST: f64 = 1000.0;

/// The answer of a call that reads no table whole, nor the whole of an index.
async fn quiet<T>(what: &str, call: impl Future<Output = Result<T, Failure>>) -> T {
    let (answer, log) = plans(call).await;
    assert_eq!(too_much(&log), Vec::<String>::new(), "{what}");
    for line in log.lines() {
        let cost = line.split_once("cost=").and_then(|(_, cost)| {
            let (_, total) = cost.split_once("..")?;
            total.split(' ').next()?.parse::<f64>().ok()
        });
        assert!(cost.is_none_or(|cost| cost < COST_MOST), "{what}: {line}");
    }
    answer.expect(what)
}

/// The first column of rows, which are ids.
async fn ids(sql: &Sql, query: &str) -> Vec<String> {
    let rows = sql.query(query, &[]).await.expect("ids");
    rows.iter().map(|row| row.get(0)).collect()
}

/// Every stage of a suggestion.
async fn suggestions(tenant: &Actor) {
    for query in [
        "a",
        "ma",
        "z",
        "55",
        "garcia",
        "lopes",
        "55 12",
        "zzzz",
        "perez hernan",
        "%",
    ] {
        let request = SuggestClientsRequest {
            query: query.to_owned(),
            ..SuggestClientsRequest::default()
        };
        let mut service = tenant.clients();
        let (found, seen) = scans(service.suggest_clients(request)).await;
        found.expect("suggested");
        assert_eq!(seen, Vec::<String>::new(), "{query}");
    }
}

/// Writes of a client's life, and its history, also when it is deleted or gone.
async fn lives(tenant: &Actor, root: &Actor, sql: &Sql, organization: &str) {
    let prospects = format!(
        "SELECT id::text FROM clients WHERE organization_id = '{organization}'
         AND status = 'PROSPECT' AND EXISTS (SELECT FROM events WHERE client_id = clients.id)
         AND deleted_at IS NULL ORDER BY id LIMIT 3"
    );
    let found = ids(sql, &prospects).await;
    let [id, purged, linked] = found.as_slice() else {
        panic!("three prospects with events: {found:?}");
    };
    for actor in [tenant, root] {
        quiet("transition", actor.transition(id, ClientStatus::Active)).await;
        quiet("transition", actor.transition(id, ClientStatus::Inactive)).await;
        quiet("transition", actor.transition(id, ClientStatus::Prospect)).await;
        quiet("history", actor.history(id)).await;
        quiet("history, a later page", later(actor, id)).await;
    }
    quiet("delete", root.delete(id)).await;
    quiet("history of a deleted client", root.history(id)).await;
    quiet("undelete", root.undelete(id)).await;
    root.delete(purged).await.expect("deleted");
    quiet("purge", root.purge(purged)).await;
    quiet("history of a purged client", root.history(purged)).await;
    let absent = nobody();
    let absent = async { Ok(root.history(&absent).await.expect_err("nobody's")) };
    quiet("history of nobody", absent).await;

    let loose = format!(
        "SELECT id::text FROM events WHERE organization_id = '{organization}'
         AND client_id IS NULL ORDER BY id LIMIT 2"
    );
    for (actor, event) in [tenant, root].into_iter().zip(ids(sql, &loose).await) {
        quiet("link", actor.link(&event, id)).await;
        quiet("event", actor.event(&event)).await;
        quiet("link to another client", actor.link(&event, linked)).await;
        quiet("unlink", actor.unlink(&event)).await;
        actor.link(&event, linked).await.expect("linked");
        let removal = async {
            let request = RemoveEventRequest { id: event };
            Ok(root.directory().remove_event(request).await?)
        };
        quiet("remove an event", removal).await;
    }
}

/// What a history shows behind its first page.
async fn later(actor: &Actor, id: &str) -> Result<(), Failure> {
    let first = ListClientHistoryRequest {
        client_id: id.to_owned(),
        limit: 1,
        page_token: String::new(),
    };
    let mut clients = actor.clients();
    let page = clients.list_client_history(first.clone()).await?;
    let page_token = page.into_inner().next_page_token;
    assert_ne!(page_token, "", "there is more");
    let next = ListClientHistoryRequest {
        page_token,
        ..first
    };
    clients.list_client_history(next).await?;
    Ok(())
}

/// A hundred clients by their ids, and all clients of one person.
async fn many(tenant: &Actor, root: &Actor, sql: &Sql, (organization, assignee): (&str, &str)) {
    let own = format!("WHERE organization_id = '{organization}'");
    for (actor, whose) in [(tenant, own.as_str()), (root, "")] {
        let some = format!("SELECT id::text FROM clients {whose} ORDER BY md5(id::text) LIMIT 100");
        let ids = ids(sql, &some).await;
        let request = BatchGetClientsRequest { ids };
        let mut clients = actor.clients();
        // Over all organizations PostgreSQL looks for each id in each of them.
        let (found, seen) = scans(clients.batch_get_clients(request)).await;
        found.expect("a batch");
        assert_eq!(seen, Vec::<String>::new(), "batch");
    }

    let heir = format!(
        "SELECT user_id::text FROM organization_members
         {own} AND active AND user_id <> '{assignee}' LIMIT 1"
    );
    let heir = &ids(sql, &heir).await[0];
    for (from, to, validate_only) in [
        (assignee, heir.as_str(), true),
        (assignee, heir, false),
        (heir, assignee, false),
        (heir, "", true),
    ] {
        let request = ReassignClientsRequest {
            from_user_id: from.to_owned(),
            to_user_id: to.to_owned(),
            unassign: to.is_empty(),
            organization_id: organization.to_owned(),
            validate_only,
            ..ReassignClientsRequest::default()
        };
        for actor in [tenant, root] {
            quiet("reassign", actor.reassign(request.clone())).await;
        }
    }
}

/// A summary reads many clients, but an index holds all that it reads of them.
async fn summaries(tenant: &Actor, root: &Actor, organization: &str) {
    let moment = |text: &str| Some(text.parse().expect("a moment"));
    let (from, to) = (
        moment("2026-03-01T06:00:00Z"),
        moment("2026-04-01T06:00:00Z"),
    );
    for group in [
        SummaryGroup::Source,
        SummaryGroup::Status,
        SummaryGroup::Type,
        SummaryGroup::Assignee,
        SummaryGroup::Month,
    ] {
        let ranged = SummarizeClientsRequest {
            from,
            to,
            ..by(group)
        };
        for request in [by(group), ranged] {
            let narrowed = SummarizeClientsRequest {
                organization_id: organization.to_owned(),
                ..request.clone()
            };
            for (actor, request) in [(tenant, request.clone()), (root, request), (root, narrowed)] {
                let (answer, log) = plans(summarize(actor, request.clone())).await;
                answer.expect("a summary");
                let read: Vec<_> = log.lines().filter(|line| line.contains(" Scan ")).collect();
                let index_only = |line: &&str| line.contains("Index Only Scan using clients_");
                assert!(read.iter().all(index_only), "{request:?}: {read:?}");
            }
        }
    }
}
