//! One private PostgreSQL a run, made by the service's own supervisor.

use std::fs::{self, File, Permissions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{process, thread};

use diesel_async::{AsyncMigrationHarness, AsyncPgConnection};
use diesel_migrations::MigrationHarness;
use nvito_clients::postgres::{Options, PrivatePostgres};
use nvito_clients::repository::migrations;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Config, NoTls};

const TEMPLATE: &str = "it_template";

/// The server of this run and where it writes its log.
pub(crate) struct Cluster {
    superuser: Config,
    service: Config,
    folder: PathBuf,
}

impl Cluster {
    /// The cluster, started by whoever asks first. It ends with this process:
    /// the supervisor sees to that.
    pub(crate) fn get() -> &'static Self {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        CLUSTER.get_or_init(|| {
            let (sender, receiver) = std::sync::mpsc::channel();
            // A thread of its own, because every test has a runtime of its own.
            thread::spawn(move || {
                let runtime = Runtime::new().expect("a runtime");
                runtime.block_on(async {
                    let (cluster, running) = Self::start().await;
                    sender.send(cluster).expect("somebody waits");
                    std::future::pending::<()>().await;
                    drop(running);
                });
            });
            receiver.recv().expect("PostgreSQL starts")
        })
    }

    async fn start() -> (Self, PrivatePostgres) {
        let folder = fresh_folder();
        // Nothing of a test run outlives it, so nothing needs to reach the disk;
        // and autovacuum would come between a test's statements and their plans.
        let settings = [
            ("autovacuum", "off"),
            ("fsync", "off"),
            ("full_page_writes", "off"),
            ("max_connections", "400"),
        ];
        let options = Options {
            data_dir: folder.clone(),
            settings: settings
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
        };
        let running = PrivatePostgres::start(options)
            .await
            .expect("PostgreSQL starts");
        let cluster = Self {
            superuser: running.superuser_config(),
            service: running.config(),
            folder,
        };
        cluster.create_database(TEMPLATE, "template1").await;
        migrations::run(&cluster.service(TEMPLATE))
            .await
            .expect("the migrations run");
        (cluster, running)
    }

    /// A new database with the schema and nothing in it.
    pub(crate) async fn database(&self) -> String {
        let name = Self::name();
        self.create_database(&name, TEMPLATE).await;
        name
    }

    /// A new database without the schema.
    pub(crate) async fn empty_database(&self) -> String {
        let name = Self::name();
        self.create_database(&name, "template1").await;
        name
    }

    /// The same where letters are those of a locale.
    pub(crate) async fn empty_database_in(&self, locale: &str) -> String {
        let name = Self::name();
        let template = format!("template0 LOCALE '{locale}'");
        self.create_database(&name, &template).await;
        // As the README has it of a database, and template1 here.
        let own = "ALTER SCHEMA public OWNER TO nvito_clients";
        let superuser = self.superuser(&name).await;
        superuser.batch_execute(own).await.expect("its own");
        name
    }

    /// Runs the migrations up to and with the one of this number.
    pub(crate) async fn migrate_to(&self, database: &str, last: &str) {
        let mut harness = self.harness(database).await;
        let mut run = || {
            let run = harness.run_next_migration(migrations::MIGRATIONS);
            run.expect("it runs").to_string()
        };
        while run() != last {}
    }

    /// What runs the migrations of a database one by one.
    pub(crate) async fn harness(&self, database: &str) -> AsyncMigrationHarness<AsyncPgConnection> {
        let connecting = self.service(database).connect(NoTls).await;
        let (client, connection) = connecting.expect("PostgreSQL accepts");
        let connection = AsyncPgConnection::try_from_client_and_connection(client, connection);
        AsyncMigrationHarness::new(connection.await.expect("a connection"))
    }

    fn name() -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        format!("it_{}", NEXT.fetch_add(1, Ordering::Relaxed))
    }

    async fn create_database(&self, name: &str, template: &str) {
        let create = format!("CREATE DATABASE {name} OWNER nvito_clients TEMPLATE {template}");
        self.superuser("postgres")
            .await
            .batch_execute(&create)
            .await
            .expect("a database");
    }

    /// How the service connects to a database.
    pub(crate) fn service(&self, database: &str) -> Config {
        let mut config = self.service.clone();
        config.dbname(database);
        config
    }

    /// A connection that no wall stops.
    pub(crate) async fn superuser(&self, database: &str) -> Client {
        let mut config = self.superuser.clone();
        config.dbname(database);
        connect(&config).await
    }

    /// Where it lives; goes after the run.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// How long PostgreSQL's log is by now.
    pub(crate) fn log_length(&self) -> u64 {
        fs::metadata(self.log_file()).expect("a log").len()
    }

    /// What PostgreSQL has written to its log after so many bytes.
    pub(crate) fn log_after(&self, length: u64) -> String {
        let mut log = File::open(self.log_file()).expect("a log");
        log.seek(SeekFrom::Start(length)).expect("written already");
        let mut bytes = Vec::new();
        log.read_to_end(&mut bytes).expect("a log");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("postgres.log")
    }
}

/// Connects and keeps the connection going.
pub(crate) async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("PostgreSQL accepts");
    tokio::spawn(connection);
    client
}

/// A folder below the temp folder; those of runs that have ended go.
fn fresh_folder() -> PathBuf {
    const PREFIX: &str = "nvito-clients-it-";
    let temp = std::env::temp_dir();
    for entry in fs::read_dir(&temp).expect("a temp folder").flatten() {
        let name = entry.file_name();
        let run = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX))
            .map(str::to_owned);
        let ended = |run: &String| !PathBuf::from("/proc").join(run).exists();
        if run.as_ref().is_some_and(ended) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let folder = temp.join(format!("{PREFIX}{}", process::id()));
    fs::create_dir(&folder).expect("a folder of this run");
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).expect("our own folder");
    folder
}
