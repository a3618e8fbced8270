//! At a hundred thousand clients in fifty organizations no call reads them all:
//! PostgreSQL itself writes down the plan of every statement that the calls
//! below make, those within functions included.

use nvito_clients::domain::principal::{Policy, Role};
use nvito_clients::grpc::proto::{
    ClientPatch, ClientStatus, ClientType, CreateClientRequest, ListClientsRequest,
    ListClientsResponse, ListMembersRequest, RemoveMemberRequest,
};
use nvito_clients::repository::Database;
use nvito_clients::seed;

use crate::support::{Actor, App, Cluster, client};

mod calls;

const ORDERS: [&str; 6] = [
    "",
    "created_at",
    "name",
    "name desc",
    "updated_at",
    "updated_at desc",
];

/// Whose lists.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Sight {
    Tenant,
    Platform,
}

/// The filters of lists, alone and combined.
fn filters(assignee: &str, sight: Sight) -> Vec<ListClientsRequest> {
    let all = ListClientsRequest::default;
    let active: i32 = ClientStatus::Active.into();
    let company: i32 = ClientType::Company.into();
    let search = |text: &str| ListClientsRequest {
        search: text.to_owned(),
        ..all()
    };
    let assigned = || ListClientsRequest {
        assigned_to_id: assignee.to_owned(),
        ..all()
    };
    let mut filters = vec![
        all(),
        ListClientsRequest {
            status: active,
            ..all()
        },
        ListClientsRequest {
            r#type: company,
            ..all()
        },
        ListClientsRequest {
            status: active,
            r#type: company,
            ..all()
        },
        assigned(),
        ListClientsRequest {
            status: active,
            ..assigned()
        },
        ListClientsRequest {
            r#type: company,
            ..assigned()
        },
        search("garcía"),
        search("example.com"),
        search("55 1234"),
        ListClientsRequest {
            status: active,
            ..search("lopez")
        },
        ListClientsRequest {
            r#type: company,
            ..search("lopez")
        },
        ListClientsRequest {
            search: "lopez".to_owned(),
            ..assigned()
        },
    ];
    if sight == Sight::Tenant {
        // Among all organizations "nobody looks after them" is a third of all.
        filters.push(ListClientsRequest {
            unassigned: true,
            ..all()
        });
        filters.push(ListClientsRequest {
            unassigned: true,
            ..search("lopez")
        });
        // Too short for a trigram.
        filters.push(search("g"));
    }
    filters
}

/// Whether an index gives a tenant's list its order: then none of the rows are
/// sorted, however many there are. By `updated_at` they are, as those of one
/// person by name, and what a search has found (README).
fn from_an_index(request: &ListClientsRequest) -> bool {
    let order = request.order_by.as_str();
    let by_creation = order.is_empty() || order.starts_with("created_at");
    let by_name = order.starts_with("name") && request.assigned_to_id.is_empty();
    request.search.is_empty() && (by_creation || by_name)
}

/// Makes a call and hands out what PostgreSQL writes down of its plans.
async fn plans<T>(call: impl Future<Output = T>) -> (T, String) {
    let before = Cluster::get().log_length();
    let answer = call.await;
    let log = Cluster::get().log_after(before);
    assert!(log.contains("Query Text"), "the plans are written down");
    (answer, log)
}

/// Makes a call and says which steps of its plans are too much for a call.
async fn scans<T>(call: impl Future<Output = T>) -> (T, Vec<String>) {
    let (answer, log) = plans(call).await;
    (answer, too_much(&log))
}

/// The steps of plans that read one of the great tables whole; that have helpers or
/// compiled expressions, which take longer to come than a call should; or that make a
/// statement of its own of a read by key (migration 0032).
fn too_much(log: &str) -> Vec<String> {
    let great = ["clients", "client_history", "events"].map(|table| format!("Seq Scan on {table}"));
    let helped = ["Workers Planned".to_owned(), "JIT:".to_owned()];
    let apart =
        ["clients_by_key", "events_by_key"].map(|function| format!("Function Scan on {function}"));
    let marks = [great.as_slice(), &helped, &apart].concat();
    let steps = log
        .lines()
        .filter(|line| marks.iter().any(|mark| line.contains(mark)));
    steps.map(|line| line.trim().to_owned()).collect()
}

#[tokio::test]
async fn no_call_reads_every_client() {
    let cluster = Cluster::get();
    let database = cluster.database().await;
    let pool = Database::new(cluster.service(&database), 2);
    let loaded = seed::load_bulk(&pool, 50, 100_000).await.expect("loaded");
    assert_eq!((loaded.organizations, loaded.clients), (50, 100_000));
    pool.close().await;

    let sql = cluster.superuser(&database).await;
    for (name, value) in [
        ("session_preload_libraries", "auto_explain"),
        ("auto_explain.log_min_duration", "0"),
        ("auto_explain.log_nested_statements", "on"),
        // As if every plan were of a very large table.
        ("parallel_setup_cost", "0"),
        ("parallel_tuple_cost", "0"),
        ("min_parallel_table_scan_size", "0"),
        ("min_parallel_index_scan_size", "0"),
        ("jit", "on"),
        ("jit_above_cost", "0"),
    ] {
        let setting = format!("ALTER DATABASE {database} SET {name} = '{value}'");
        sql.batch_execute(&setting).await.expect("a setting");
    }
    let row = sql
        .query_one(
            "SELECT organization_id::text, assigned_to_id::text FROM clients
             WHERE assigned_to_id IS NOT NULL LIMIT 1",
            &[],
        )
        .await
        .expect("a client");
    let (organization, assignee): (String, String) = (row.get(0), row.get(1));

    let app = App::on(database.clone(), Policy::default()).await;
    let tenant = app.actor(Role::PlatformAdmin, Some(&organization));
    let root = app.super_admin();
    for (actor, sight) in [(&tenant, Sight::Tenant), (&root, Sight::Platform)] {
        for filter in filters(&assignee, sight) {
            for order in ORDERS {
                // The two orders over all organizations that have no index (README).
                if sight == Sight::Platform && !order.is_empty() && order != "created_at" {
                    continue;
                }
                let request = ListClientsRequest {
                    order_by: order.to_owned(),
                    ..filter.clone()
                };
                lists((actor, sight), &request).await;
            }
        }
    }
    for (actor, search, trigrams) in [
        (&tenant, "garcía", true),
        (&tenant, "lopez", true),
        (&tenant, "g", false),
        (&tenant, "@", false),
        (&root, "garcía", true),
    ] {
        let request = ListClientsRequest {
            search: search.to_owned(),
            ..Default::default()
        };
        let (found, log) = plans(actor.list(request)).await;
        assert!(!found.expect("a page").clients.is_empty(), "{search}");
        let condition = |line: &str| line.contains("Index Cond") && line.contains("mark_trigrams");
        assert_eq!(log.lines().any(condition), trigrams, "{search}");
    }
    // Once it is counted, the page is read from where the list begins, or where the page
    // before has ended.
    let active: i32 = ClientStatus::Active.into();
    for (order, status) in [
        ("", 0),
        ("", active),
        ("created_at", 0),
        ("name", 0),
        ("name desc", 0),
    ] {
        let request = ListClientsRequest {
            search: "e".to_owned(),
            order_by: order.to_owned(),
            status,
            ..Default::default()
        };
        let first = tenant.list(request.clone()).await.expect("a page");
        let (again, walked) = plans(tenant.list(request.clone())).await;
        assert_eq!(again.expect("a page"), first, "{order}");
        let after = ListClientsRequest {
            page_token: first.next_page_token,
            ..request
        };
        let (after, from_there) = plans(tenant.list(after)).await;
        assert_eq!(after.expect("a page").clients.len(), 10, "{order}");
        for log in [walked, from_there] {
            assert_eq!(too_much(&log), Vec::<String>::new(), "{order}");
            let is_walked = log.contains("CTE walked") && !log.contains("Sort Key: clients.");
            assert!(is_walked, "{order}: {log}");
            // What search_clients asks.
            assert!(
                !log.contains("FROM public.clients AS client"),
                "{order}: {log}"
            );
        }
    }
    calls::all(&sql, (&tenant, &root), (&organization, &assignee)).await;
    single_rows(&tenant, &root, &organization, &assignee).await;

    // The control: a scan is seen, and those who help with it.
    let watched = cluster.superuser(&database).await;
    let compiles = watched.query_one("SELECT pg_jit_available()", &[]).await;
    let compiles: bool = compiles.expect("asked").get(0);
    for query in [
        "SELECT FROM clients WHERE notes = 'x'",
        "SELECT FROM client_history WHERE reason = 'x'",
        "SELECT FROM events WHERE name = 'x'",
    ] {
        let (_, seen) = scans(watched.query(query, &[])).await;
        let seen_of = |mark: &str| seen.iter().any(|step| step.contains(mark));
        let helped = seen_of("Workers") && seen_of("JIT:") == compiles;
        assert!(seen_of("Seq Scan") && helped, "{query}: {seen:?}");
    }
}

/// The first page, a later one, and the one after a token: each is one plan, of
/// one statement, whose total counts nothing.
async fn lists(actor: (&Actor, Sight), request: &ListClientsRequest) {
    let first = list(actor, request).await;
    if first.next_page_token.is_empty() {
        return;
    }
    let later = ListClientsRequest {
        page: 20,
        ..request.clone()
    };
    let after = ListClientsRequest {
        page_token: first.next_page_token,
        ..request.clone()
    };
    list(actor, &later).await;
    list(actor, &after).await;
}

async fn list(
    (actor, sight): (&Actor, Sight),
    request: &ListClientsRequest,
) -> ListClientsResponse {
    let (page, log) = plans(actor.list(request.clone())).await;
    assert_eq!(too_much(&log), Vec::<String>::new(), "{request:?}");
    // Beside it the service may have asked the database how it is.
    let blocks = log.split(" LOG:  duration: ");
    let lists: Vec<_> = blocks
        .filter(|block| block.contains("Query Text: WITH "))
        .collect();
    let [plan] = lists.as_slice() else {
        panic!("one statement: {request:?}: {log}");
    };
    let count = |part: &str| plan.lines().filter(|line| line.contains(part)).count();
    if sight == Sight::Tenant && from_an_index(request) {
        assert_eq!(count("Sort Key: clients."), 0, "{request:?}: {plan}");
        assert_eq!(count("on clients "), 1, "{request:?}: {plan}");
        // A later page begins where the index says so.
        let start = |line: &&str| line.contains("Index Cond") && line.contains("ROW(");
        let starts = usize::from(!request.page_token.is_empty());
        assert_eq!(
            plan.lines().filter(start).count(),
            starts,
            "{request:?}: {plan}"
        );
    }
    page.expect("a page")
}

async fn single_rows(tenant: &Actor, root: &Actor, organization: &str, assignee: &str) {
    let new = CreateClientRequest {
        email: Some("nueva@example.com".to_owned()),
        assigned_to_id: Some(assignee.to_owned()),
        ..client("Nueva")
    };
    let none = Vec::<String>::new();
    let (made, seen) = scans(tenant.create(new.clone())).await;
    assert_eq!(seen, none, "create");
    let id = made.expect("created").id;
    let (taken, seen) = scans(tenant.create(new)).await;
    assert_eq!(seen, none, "create with a taken e-mail");
    taken.expect_err("taken");
    for actor in [tenant, root] {
        let (found, seen) = scans(actor.get(&id)).await;
        assert_eq!(seen, none, "get");
        found.expect("found");
    }
    let patch = ClientPatch {
        email: Some("otra@example.com".into()),
        ..ClientPatch::default()
    };
    let (changed, seen) = scans(tenant.patch(&id, patch)).await;
    assert_eq!(seen, none, "update");
    changed.expect("changed");
    let (deleted, seen) = scans(root.delete(&id)).await;
    assert_eq!(seen, none, "delete");
    deleted.expect("deleted");

    let (mut members, mut directory) = (tenant.directory(), root.directory());
    let (listed, seen) = scans(members.list_members(ListMembersRequest::default())).await;
    assert_eq!(seen, none, "members");
    listed.expect("listed");
    let removal = RemoveMemberRequest {
        organization_id: organization.to_owned(),
        user_id: assignee.to_owned(),
    };
    let (removed, seen) = scans(directory.remove_member(removal)).await;
    assert_eq!(seen, none, "a member leaves");
    removed.expect("removed");
}
