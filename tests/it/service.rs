//! The binary as a person or a platform runs it: what it says, what it serves,
//! and how it ends.

mod ends;
mod log;

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use nvito_clients::grpc::proto::{CreateClientRequest, UpsertOrganizationRequest};
use tokio_postgres::config::Host;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{Actor, Cluster, Folder, Service, client, nobody};

/// A client of a new organization; answers its id.
pub(crate) async fn a_client(root: &Actor) -> String {
    let id = nobody();
    let organization = UpsertOrganizationRequest {
        id: id.clone(),
        name: "Propia".to_owned(),
    };
    root.directory()
        .upsert_organization(organization)
        .await
        .expect("known");
    let new = CreateClientRequest {
        organization_id: id,
        ..client("Ana")
    };
    root.create(new).await.expect("created").id
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn help_names_every_variable_and_its_default() {
    let secret = [("DATABASE_URL", "postgres://me:hunter2@db/x")];
    let help = Service::run(&["--help"], &secret);
    assert!(help.status.success());
    let help = text(&help.stdout);
    assert!(!help.contains("hunter2"));
    let options: Vec<_> = help.split("\n      --").collect();
    let option = |variable: &str| {
        let mut options = options.iter();
        let option = options.find(|option| option.contains(&format!("[env: {variable}]")));
        let words: Vec<_> = option.expect(variable).split_whitespace().collect();
        words.join(" ")
    };
    // Each that README's table has, and no other.
    let readme = include_str!("../../README.md").lines();
    let mut told = BTreeSet::new();
    for row in
        readme.filter(|line| line.starts_with("| `CLIENTS_") || line.starts_with("| `DATABASE_URL"))
    {
        let names = row.split('|').nth(1).expect("a cell").split(", ");
        told.extend(names.map(|name| name.trim().trim_matches('`')));
    }
    let said = help
        .split("[env: ")
        .skip(1)
        .filter_map(|rest| rest.split(']').next());
    assert_eq!(told, said.collect());
    for (variable, default) in [
        ("CLIENTS_LISTEN", "[default: 127.0.0.1:50051]"),
        ("CLIENTS_CONNECTIONS", "[default: 512]"),
        ("CLIENTS_TLS_CERTIFICATE", "[default: no TLS]"),
        ("CLIENTS_TLS_KEY", "[default: no TLS]"),
        ("CLIENTS_TLS_CLIENT_CA", "[default: clients need none]"),
        ("CLIENTS_TLS_CLIENT_NAMES", "[default: any]"),
        ("DATABASE_URL", "[default: a private one]"),
        ("CLIENTS_DATA_DIR", "[default: the platform's data folder]"),
        ("CLIENTS_DEMO", "[default: on]"),
        ("CLIENTS_AUTH", "[default: metadata]"),
        (
            "CLIENTS_ADMIN_PANEL_ROLES",
            "[default: SUPER_ADMIN,PLATFORM_ADMIN]",
        ),
        ("CLIENTS_REFLECTION", "[default: on]"),
        ("CLIENTS_DATABASE_CONNECTIONS", "[default: 16;"),
        ("CLIENTS_THREADS", "[default: half of the processors"),
        ("CLIENTS_DRAIN_SECONDS", "[default: 10]"),
        ("CLIENTS_METRICS_LISTEN", "[default: off]"),
        ("CLIENTS_LOG", "[default: info]"),
    ] {
        let option = option(variable);
        assert!(option.contains(default), "{option}");
    }
    for command in ["serve", "migrate", "seed"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}");
        let help = Service::run(&[command, "--help"], &[]);
        assert!(help.status.success(), "{command}");
    }
}

/// As Linux tells them.
#[cfg(target_os = "linux")]
#[test]
fn calls_are_served_by_as_many_threads_as_asked_for() {
    // One has no other beside the one that the process began with.
    for (asked, expected) in [("1", 0), ("3", 3)] {
        let folder = Folder::new();
        let mut service = Service::spawn(&folder, &[("CLIENTS_THREADS", asked)]);
        service.serves();
        let workers = || {
            let tasks = fs::read_dir(format!("/proc/{}/task", service.pid())).expect("it runs");
            let name = |task: fs::DirEntry| fs::read_to_string(task.path().join("comm")).ok();
            let names = tasks.filter_map(|task| name(task.ok()?));
            let workers = names.filter(|name| name.starts_with("tokio-rt-worker"));
            workers.count()
        };
        // What has run the migrations is called so as well, and goes after ten seconds.
        let patience = Instant::now() + Duration::from_secs(30);
        while workers() != expected && Instant::now() < patience {
            thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(workers(), expected, "{asked}");
    }
}

#[test]
fn every_mistake_is_told_at_once_and_no_secret() {
    let folder = Folder::new();
    let data = folder.data();
    let refused = Service::run(
        &["serve", "--drain-seconds", "soon"],
        &[
            ("CLIENTS_LISTEN", "here"),
            ("DATABASE_URL", "mysql://me:hunter2@db/x"),
            ("CLIENTS_DATA_DIR", data.to_str().expect("UTF-8")),
            ("CLIENTS_DEMO", "maybe"),
            ("CLIENTS_AUTH", "none"),
            ("CLIENTS_ADMIN_PANEL_ROLES", "BOSS"),
            ("CLIENTS_REFLECTION", "1"),
            ("CLIENTS_DATABASE_CONNECTIONS", "0"),
            ("CLIENTS_THREADS", "none"),
            ("CLIENTS_LOG", "nvito_clients=loud"),
        ],
    );
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.stdout.is_empty());
    let said = text(&refused.stderr);
    for variable in [
        "CLIENTS_LISTEN",
        "DATABASE_URL",
        "CLIENTS_DEMO",
        "CLIENTS_AUTH",
        "CLIENTS_ADMIN_PANEL_ROLES",
        "CLIENTS_REFLECTION",
        "CLIENTS_DATABASE_CONNECTIONS",
        "CLIENTS_THREADS",
        "CLIENTS_DRAIN_SECONDS",
        "CLIENTS_LOG",
    ] {
        let named = said
            .lines()
            .any(|line| line.starts_with(&format!("  {variable}: ")));
        assert!(named, "{variable}: {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
    assert!(!data.exists());
}

#[test]
fn a_database_that_does_not_answer_is_told_without_its_password() {
    let url = "postgres://me:hunter2@127.0.0.1:1/x?connect_timeout=2";
    let settings = [("CLIENTS_LISTEN", "127.0.0.1:0"), ("DATABASE_URL", url)];
    for command in ["serve", "migrate"] {
        let refused = Service::run(&[command], &settings);
        assert_eq!(refused.status.code(), Some(1));
        let said = text(&refused.stderr);
        assert!(
            said.lines()
                .last()
                .is_some_and(|line| line.starts_with("nvito-clients: ")),
            "{said}"
        );
        assert!(said.contains("refused"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_port_that_is_taken_is_told_before_anything_starts() {
    let folder = Folder::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let data = folder.data();
    let settings = [
        ("CLIENTS_LISTEN", address.as_str()),
        ("CLIENTS_DATA_DIR", data.to_str().expect("UTF-8")),
    ];
    let refused = Service::run(&["serve"], &settings);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    let expected = format!("nvito-clients: cannot listen on {address}: Address already in use");
    assert!(said.starts_with(&expected), "{said}");
    assert!(refused.stdout.is_empty());
    assert!(!data.exists(), "nothing was begun");
    folder.wait_until_quiet(Duration::ZERO);
}

#[tokio::test]
async fn it_says_where_it_serves_and_then_serves() {
    let folder = Folder::new();
    let began = Instant::now();
    let mut service = Service::spawn(&folder, &[]);
    let line = service.serves();
    println!("first start: {:.2} s", began.elapsed().as_secs_f64());
    let place = folder.data().canonicalize().expect("made");
    let expected = format!(
        "nvito-clients serves on {} (private PostgreSQL in {})",
        service.address(),
        place.display()
    );
    assert_eq!(line, expected);
    let asked = HealthCheckRequest::default();
    let mut watched = HealthClient::new(service.channel().await);
    let watched = watched.watch(asked).await.expect("an answer");
    let mut watched = watched.into_inner();
    loop {
        let next = watched.message().await.expect("goes on").expect("goes on");
        if next.status() == ServingStatus::Serving {
            break;
        }
    }
    let id = a_client(&service.super_admin().await).await;
    drop(watched);
    service.kill();
    folder.wait_until_quiet(Duration::from_secs(5));

    // What was committed survives kill -9.
    let began = Instant::now();
    let again = Service::start(&folder, &[]);
    println!("second start: {:.2} s", began.elapsed().as_secs_f64());
    let found = again.super_admin().await.get(&id).await;
    assert_eq!(found.expect("committed").name, "Ana");
}

#[tokio::test]
async fn a_data_folder_has_one_service_and_commands_join_it() {
    let folder = Folder::used();
    let service = Service::start(&folder, &[]);
    let data = folder.data();
    let settings = [
        ("CLIENTS_LISTEN", "127.0.0.1:0"),
        ("CLIENTS_DATA_DIR", data.to_str().expect("UTF-8")),
    ];
    let refused = Service::run(&["serve"], &settings);
    assert_eq!(refused.status.code(), Some(1));
    let expected = format!(
        "nvito-clients: another nvito-clients (process {}) is already running on {}; stop it, \
         or set CLIENTS_DATA_DIR to another folder\n",
        service.pid(),
        data.canonicalize().expect("there").display()
    );
    assert_eq!(text(&refused.stderr), expected);

    let joined = Service::run(&["migrate"], &settings);
    assert!(joined.status.success(), "{joined:?}");
    assert_eq!(
        text(&joined.stdout),
        "nothing to do: the database is up to date\n"
    );
    a_client(&service.super_admin().await).await;
}

#[tokio::test]
async fn services_that_start_at_once_on_a_fresh_database_all_serve() {
    let cluster = Cluster::get();
    let database = cluster.empty_database().await;
    let config = cluster.service(&database);
    let [Host::Unix(socket)] = config.get_hosts() else {
        panic!("a socket: {config:?}");
    };
    let user = config.get_user().expect("a role");
    let url = format!("host={} user={user} dbname={database}", socket.display());
    let folder = Folder::new();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("CLIENTS_DATABASE_CONNECTIONS", "2"),
    ];
    let mut services = [(); 3].map(|()| Service::spawn(&folder, &settings));
    for service in &mut services {
        let line = service.serves();
        assert_eq!(
            line,
            format!("nvito-clients serves on {}", service.address())
        );
    }
    let id = a_client(&services[0].super_admin().await).await;
    for service in &services {
        let found = service.super_admin().await.get(&id).await;
        assert_eq!(found.expect("one database").name, "Ana");
    }
    assert!(!folder.data().exists(), "no private PostgreSQL");
}
