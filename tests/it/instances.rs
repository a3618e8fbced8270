//! Several instances on one database: they start at once, share what must be
//! shared, and one that goes takes no call with it.

mod config;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::{ClientPatch, CreateClientRequest, ListClientsRequest};
use tokio::task::JoinSet;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use crate::faults::server::actor;
use crate::support::{Actor, Cluster, Failure, Folder, Service, at_once, client, connect, nobody};

/// What `DATABASE_URL` says of a database of this run.
fn url(database: &str) -> String {
    let config = Cluster::get().service(database);
    let [Host::Unix(socket)] = config.get_hosts() else {
        panic!("a socket: {config:?}");
    };
    let user = config.get_user().expect("a role");
    format!("host={} user={user} dbname={database}", socket.display())
}

/// Who serves need not own what is there: once somebody else has migrated, a role that may
/// take the service's roles and call its functions by key is enough.
#[tokio::test]
async fn a_role_of_less_serves_what_another_has_migrated() {
    let cluster = Cluster::get();
    let database = cluster.database().await;
    let superuser = cluster.superuser(&database).await;
    let role = format!("serving_{database}");
    // Word for word as in the README.
    let readme = include_str!("../../README.md");
    let (_, grants) = readme
        .split_once("CREATE ROLE nvito_clients_serving")
        .expect("there");
    let (grants, _) = grants.split_once("```").expect("its end");
    let grants = format!("CREATE ROLE nvito_clients_serving{grants}");
    let grants = grants.replace("nvito_clients_serving", &role);
    superuser.batch_execute(&grants).await.expect("granted");
    superuser
        .batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')")
        .await
        .expect("of a newer release");
    let url = url(&database).replace("user=nvito_clients ", &format!("user={role} "));
    let revoke = |verb: &str, to: &str| format!("{verb} nvito_clients_group {to} {role}");
    let settings = [("DATABASE_URL", url.as_str())];
    superuser
        .batch_execute(&revoke("REVOKE", "FROM"))
        .await
        .expect("revoked");
    let refused = Service::run(&["migrate"], &settings);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("may not take nvito_clients_group:"), "{said}");
    superuser
        .batch_execute(&revoke("GRANT", "TO"))
        .await
        .expect("granted");
    let folder = Folder::new();
    let service = Service::start(&folder, &settings);
    let organization = org(&service).await;
    let admin = actor(service.address(), Role::PlatformAdmin, Some(&organization));
    let made = admin.create(client("Ana")).await.expect("created");
    let notes = ClientPatch {
        notes: Some("salón".to_owned()),
        ..ClientPatch::default()
    };
    admin.patch(&made.id, notes).await.expect("changed");
    admin.get(&made.id).await.expect("found");
    admin
        .list(ListClientsRequest::default())
        .await
        .expect("listed");
    let log = service.log();
    assert!(
        log.contains("newer release") && log.contains("9999"),
        "{log}"
    );
    assert!(!log.contains("sees rows"), "{log}");
    let mut config = cluster.service(&database);
    let own = connect(config.user(&role)).await;
    for forbidden in [
        "TRUNCATE client_history",
        "ALTER TABLE clients DISABLE ROW LEVEL SECURITY",
        "SELECT FROM by_key.clients",
    ] {
        let refused = own.batch_execute(forbidden).await.expect_err(forbidden);
        assert_eq!(
            refused.code(),
            Some(&SqlState::INSUFFICIENT_PRIVILEGE),
            "{forbidden}"
        );
    }
    drop(service);
    // A grant inherits as the role does that it is made to.
    let inherit = format!(
        "ALTER ROLE {role} INHERIT; REVOKE nvito_clients_tenant FROM {role};
         GRANT nvito_clients_tenant TO {role}"
    );
    superuser.batch_execute(&inherit).await.expect("granted");
    let log = Service::start(&folder, &settings).log();
    assert!(log.contains("sees rows"), "{log}");
}

/// So many instances on a database, all started at once.
fn instances(folder: &Folder, database: &str, more: &[(&str, &str)]) -> [Service; 2] {
    let url = url(database);
    let settings = [&[("DATABASE_URL", url.as_str())], more].concat();
    let mut both = [(); 2].map(|()| Service::spawn(folder, &settings));
    for service in &mut both {
        service.serves();
    }
    both
}

/// A caller whose calls are spread over all instances.
fn balanced(instances: &[Service], organization: &str) -> Actor {
    let endpoint = |service: &Service| {
        Endpoint::from_shared(format!("http://{}", service.address())).expect("an address")
    };
    let channel = Channel::balance_list(instances.iter().map(endpoint));
    let identity = vec![
        ("x-user-id", nobody()),
        ("x-role", Role::PlatformAdmin.to_string()),
        ("x-organization-id", organization.to_owned()),
    ];
    Actor::new(channel, identity)
}

async fn org(service: &Service) -> String {
    let id = nobody();
    let request = nvito_clients::grpc::proto::UpsertOrganizationRequest {
        id: id.clone(),
        name: "Propia".to_owned(),
    };
    let mut directory = actor(service.address(), Role::SuperAdmin, None).directory();
    directory
        .upsert_organization(request)
        .await
        .expect("upserted");
    id
}

/// Calls that tonic's client took and never sent: it puts them on a connection
/// that closes at that moment, or gives them the error of its last attempt to
/// connect (an address that nobody listens on stays in its choice), where other
/// clients would take the next one.
static UNSENT: AtomicU64 = AtomicU64::new(0);

/// As the service config says: again where the answer allows it, else not.
async fn retried(actor: &Actor, request: &CreateClientRequest) -> Result<(), Failure> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let Err(failure) = actor.create(request.clone()).await else {
            return Ok(());
        };
        // Nothing of the service's is without a reason: tonic's client says so
        // of a connection that is asked to go ("operation was canceled", or the
        // GOAWAY itself), and of one that it could not open. With a request id
        // it may be made again.
        let by_the_client = matches!(failure.code, Code::Cancelled | Code::Internal)
            || failure.code == Code::Unavailable && failure.message == "tcp connect error";
        if by_the_client && failure.reason.is_empty() && attempts < 100 {
            UNSENT.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let retryable = matches!(
            failure.code,
            Code::Unavailable | Code::ResourceExhausted | Code::Aborted
        );
        let pushback = failure.status.metadata().get("grpc-retry-pushback-ms");
        let never = pushback.is_some_and(|value| value == "-1");
        if !retryable || never || attempts == 4 {
            return Err(failure);
        }
        tokio::time::sleep(Duration::from_millis(100 << attempts)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_start_at_once_on_an_empty_database_both_come_up() {
    let folder = Folder::new();
    for _ in 0..3 {
        let database = Cluster::get().empty_database().await;
        let both = instances(&folder, &database, &[]);
        let organization = org(&both[0]).await;
        let made = balanced(&both, &organization).create(client("Ana")).await;
        let id = made.expect("created").id;
        for service in &both {
            let there = actor(service.address(), Role::PlatformAdmin, Some(&organization));
            assert_eq!(there.get(&id).await.expect("there").name, "Ana");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_counts_at_every_instance() {
    let folder = Folder::new();
    let database = Cluster::get().database().await;
    let both = instances(&folder, &database, &[]);
    let organization = org(&both[0]).await;
    let one = actor(both[0].address(), Role::PlatformAdmin, Some(&organization));
    let user = one.user_id();
    let identity = vec![
        ("x-user-id", user),
        ("x-role", Role::PlatformAdmin.to_string()),
        ("x-organization-id", organization.clone()),
    ];
    let other = Actor::new(both[1].channel().await, identity);
    for _ in 0..10 {
        let request = CreateClientRequest {
            request_id: nobody(),
            ..client("Ana")
        };
        let twins = [&one, &other].map(|actor| {
            let (actor, request) = (actor.clone(), request.clone());
            async move { actor.create(request).await.expect("made once").id }
        });
        let ids = at_once(twins).await;
        assert_eq!(ids[0], ids[1]);
    }
    let list = one
        .list(ListClientsRequest::default())
        .await
        .expect("listed");
    assert_eq!(list.meta.expect("counted").total, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_spread_and_none_is_lost_with_an_instance() {
    let folder = Folder::new();
    let database = Cluster::get().database().await;
    let mut both = instances(
        &folder,
        &database,
        &[
            ("CLIENTS_METRICS_LISTEN", "127.0.0.1:0"),
            // Connections are renewed all the while.
            ("CLIENTS_CONNECTION_SECONDS", "1"),
        ],
    );
    let organization = org(&both[1]).await;
    let over = Arc::new(AtomicBool::new(false));
    let mut calling = JoinSet::new();
    for _ in 0..6 {
        let caller = balanced(&both, &organization);
        let over = over.clone();
        calling.spawn(async move {
            let mut acknowledged = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let request = CreateClientRequest {
                    request_id: nobody(),
                    ..client(&nobody())
                };
                let made = retried(&caller, &request).await;
                made.unwrap_or_else(|failure| panic!("lost: {failure:?}"));
                acknowledged.push(request.name);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            acknowledged
        });
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    let counted = both.each_ref().map(creations);
    assert!(counted.iter().all(|calls| *calls > 50), "{counted:?}");
    let renewed = UNSENT.load(Ordering::Relaxed);
    both[0].tell(Signal::SIGTERM);
    let ended = Instant::now();
    assert!(both[0].ends(Duration::from_secs(12)).await.success());
    let drained = ended.elapsed();
    tokio::time::sleep(Duration::from_secs(1)).await;
    over.store(true, Ordering::Relaxed);
    let acknowledged = calling.join_all().await.concat();
    let unsent = UNSENT.load(Ordering::Relaxed);
    println!(
        "drained in {drained:?}; {counted:?} calls; not sent: {renewed} by renewals, {unsent} in all"
    );
    let superuser = Cluster::get().superuser(&database).await;
    let rows = superuser
        .query("SELECT name FROM clients", &[])
        .await
        .expect("asked");
    let mut there = HashMap::<String, usize>::new();
    for row in &rows {
        *there.entry(row.get(0)).or_default() += 1;
    }
    let once = acknowledged
        .iter()
        .filter(|name| there.get(*name) == Some(&1));
    assert_eq!(once.count(), acknowledged.len(), "each once");
    assert_eq!(rows.len(), acknowledged.len(), "and nothing else");
}

/// How many clients an instance has made.
fn creations(service: &Service) -> u64 {
    let text = service.http("GET /metrics");
    let series = r#"nvito_clients_calls_total{service="nvito.clients.v1.ClientService",method="CreateClient",code="OK"} "#;
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    line.expect("counted").trim().parse().expect("a number")
}
