//! The private PostgreSQL, with real servers in temp folders.

mod crashes;
mod refusals;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nvito_clients::postgres::{Options, PrivatePostgres, StartError, running};
use tokio_postgres::{Client, Config};

use crate::support::{Folder, Service, connect};

async fn start(folder: &Folder) -> PrivatePostgres {
    let began = Instant::now();
    let postgres = PrivatePostgres::start(folder.options())
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    println!("start: {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
    postgres
}

async fn refused(folder: &Folder) -> String {
    refused_at(folder.data()).await.to_string()
}

async fn refused_at(data_dir: PathBuf) -> StartError {
    let options = Options {
        data_dir,
        settings: Vec::new(),
    };
    let started = PrivatePostgres::start(options).await;
    started.expect_err("this start should fail")
}

async fn stop(postgres: PrivatePostgres) {
    let began = Instant::now();
    postgres.stop().await.expect("a clean shutdown");
    println!("stop: {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
}

async fn write_note(client: &Client) {
    client
        .batch_execute("CREATE TABLE note (text text); INSERT INTO note VALUES ('kept')")
        .await
        .expect("the service's role owns its database");
}

async fn read_note(config: &Config) -> String {
    let row = connect(config)
        .await
        .query_one("SELECT text FROM note", &[])
        .await;
    row.expect("committed").get(0)
}

#[tokio::test]
async fn starts_stops_and_starts_again() {
    let folder = Folder::new();
    let postgres = start(&folder).await;
    let client = connect(&postgres.config()).await;
    write_note(&client).await;
    client
        .batch_execute(
            "CREATE EXTENSION pg_trgm; CREATE EXTENSION unaccent; CREATE EXTENSION btree_gin",
        )
        .await
        .expect("the database's owner may");
    let row = client
        .query_one(
            "SELECT rolsuper, rolcreaterole, rolinherit, rolcreatedb,
                    pg_encoding_to_char(encoding) || ' ' || datcollate,
                    current_setting('listen_addresses') || current_setting('fsync'),
                    pg_size_bytes(current_setting('shared_buffers'))
             FROM pg_roles, pg_database WHERE rolname = user AND datname = current_database()",
            &[],
        )
        .await
        .expect("readable");
    let flags: Vec<bool> = (0..4).map(|column| row.get(column)).collect();
    assert_eq!(flags, [false, true, false, false]);
    assert_eq!(row.get::<_, String>(4), "UTF8 C");
    assert_eq!(row.get::<_, String>(5), "on");
    // More than initdb's 128 MB, as an eighth of the memory of a machine that builds this is,
    // but where all that is asked for counts at once.
    let overcommit = fs::read_to_string("/proc/sys/vm/overcommit_memory").unwrap_or_default();
    let pages = row.get::<_, i64>(6) >> 20;
    assert!(
        (129..=1024).contains(&pages) || overcommit.trim() == "2",
        "{pages} MiB"
    );

    let superuser = connect(&postgres.superuser_config()).await;
    let row = superuser
        .query_one("SELECT rolsuper FROM pg_roles WHERE rolname = user", &[])
        .await;
    assert!(row.expect("readable").get::<_, bool>(0));

    let private = |name| fs::metadata(folder.data().join(name)).expect("made");
    let (cluster, socket) = (private("cluster"), private("socket"));
    assert_eq!(
        [cluster.mode() & 0o777, socket.mode() & 0o777],
        [0o700, 0o700]
    );
    assert_eq!(cluster.uid(), socket.uid());
    assert!(cluster.uid() != 0, "never root's");

    stop(postgres).await;
    folder.wait_until_quiet(Duration::ZERO);
    let postgres = start(&folder).await;
    assert_eq!(read_note(&postgres.config()).await, "kept");
    stop(postgres).await;
    folder.wait_until_quiet(Duration::ZERO);
}

#[tokio::test]
async fn settings_reach_the_server_but_not_where_it_listens() {
    let folder = Folder::used();
    let settings = [
        ("fsync", "off"),
        ("max_connections", "17"),
        ("shared_buffers", "16MB"),
        ("listen_addresses", "*"),
    ];
    let settings = settings
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    let postgres = PrivatePostgres::start(Options {
        settings,
        ..folder.options()
    })
    .await;
    let postgres = postgres.expect("starts");
    let row = connect(&postgres.config())
        .await
        .query_one(
            "SELECT current_setting('fsync') || current_setting('max_connections')
                    || current_setting('shared_buffers') || current_setting('listen_addresses')",
            &[],
        )
        .await;
    assert_eq!(row.expect("readable").get::<_, String>(0), "off1716MB");
    stop(postgres).await;
}

#[tokio::test]
async fn another_process_joins_while_one_runs() {
    let folder = Folder::new();
    assert!(
        running(&folder.data())
            .await
            .expect("no folder yet")
            .is_none()
    );
    let mut service = Service::spawn(&folder, &[]);
    while !folder.data().join("lock").exists() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // One that is starting is waited for.
    if let Some(config) = running(&folder.data()).await.expect("readable") {
        connect(&config).await;
    }
    service.serves();
    let config = running(&folder.data())
        .await
        .expect("readable")
        .expect("is running");
    write_note(&connect(&config).await).await;
    service.kill();
    folder.wait_until_quiet(Duration::from_secs(5));
}

#[tokio::test]
async fn a_long_path_has_its_socket_elsewhere() {
    let folder = Folder::new();
    let data_dir = folder.data().join("x".repeat(60)).join("y y\"".repeat(15));
    let options = Options {
        data_dir: data_dir.clone(),
        settings: Vec::new(),
    };
    let postgres = PrivatePostgres::start(options.clone())
        .await
        .expect("starts");
    assert!(!data_dir.join("socket").exists());
    connect(&postgres.config()).await;
    let config = running(&data_dir)
        .await
        .expect("readable")
        .expect("is running");
    let [tokio_postgres::config::Host::Unix(socket)] = config.get_hosts() else {
        panic!("one Unix socket: {config:?}")
    };
    let mode = fs::metadata(socket).expect("there").mode();
    assert_eq!(mode & 0o777, 0o700);
    stop(postgres).await;
    assert!(!socket.exists(), "no litter");

    fs::create_dir(socket).expect("free");
    fs::set_permissions(socket, Permissions::from_mode(0o777)).expect("mine");
    let error = PrivatePostgres::start(options)
        .await
        .expect_err("an unsafe folder")
        .to_string();
    assert!(error.contains("should be a private folder"), "{error}");
    fs::remove_dir(socket).expect("mine");
}

#[tokio::test]
async fn a_lost_role_and_database_come_back() {
    let folder = Folder::used();
    let postgres = start(&folder).await;
    let superuser = connect(&postgres.superuser_config()).await;
    superuser
        .batch_execute("DROP DATABASE nvito_clients")
        .await
        .expect("unused");
    stop(postgres).await;
    let postgres = start(&folder).await;
    connect(&postgres.config()).await;
    stop(postgres).await;
}

#[tokio::test]
async fn a_large_log_is_put_aside() {
    let folder = Folder::used();
    stop(start(&folder).await).await;
    let log = folder.data().join("postgres.log");
    let file = fs::OpenOptions::new().write(true).open(&log).expect("mine");
    file.set_len(11 << 20).expect("room");
    stop(start(&folder).await).await;
    let old = folder.data().join("postgres.log.1");
    assert!(fs::metadata(&old).expect("put aside").len() == 11 << 20);
    assert!(fs::metadata(&log).expect("new").len() < 1 << 20);
}
