//! A PostgreSQL of a scenario's own, which keeps what it acknowledges, and a
//! service on it that is a process of its own.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::UpsertOrganizationRequest;
use nvito_clients::postgres::{Options, PrivatePostgres};
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Config, config::Host};
use tonic::transport::Endpoint;

use crate::support::{Actor, Folder, Service, connect, nobody};

/// How long anything may take that a scenario does not measure.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A PostgreSQL with the schema, that may be hurt.
pub(crate) struct Site {
    pub(crate) folder: Folder,
    settings: Vec<(String, String)>,
    running: Option<PrivatePostgres>,
}

impl Site {
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let mut site = Self::down(settings);
        site.up().await;
        site
    }

    /// One that does not run yet.
    pub(crate) fn down(settings: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            folder: Folder::used(),
            settings: settings.iter().map(own).collect(),
            running: None,
        }
    }

    /// One that shares nothing with any other, without the schema.
    pub(crate) fn foreign() -> Self {
        Self {
            folder: Folder::new(),
            settings: Vec::new(),
            running: None,
        }
    }

    /// A copy of the files of this one, which must be down.
    pub(crate) fn copy(&self) -> Self {
        assert!(self.running.is_none(), "the files shall not change");
        let copy = Self {
            folder: Folder::new(),
            settings: self.settings.clone(),
            running: None,
        };
        let copied = Command::new("cp")
            .arg("-a")
            .args([self.folder.data(), copy.folder.data()])
            .status();
        assert!(copied.expect("it runs").success());
        copy
    }

    /// A standby that streams from this one, by a copy of its files: the
    /// programs of npm have no `pg_basebackup`. This one must be down.
    pub(crate) fn standby(&self) -> Self {
        let standby = self.copy();
        let primary = format!("host={} user=postgres", self.socket().display());
        let cluster = standby.cluster();
        fs::write(cluster.join("standby.signal"), "").expect("writable");
        let conf = cluster.join("postgresql.auto.conf");
        let own = format!("primary_conninfo = '{primary}'\n");
        fs::write(conf, own).expect("writable");
        standby
    }

    fn cluster(&self) -> PathBuf {
        self.folder.data().join("cluster")
    }

    /// The folder of the socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.data().join("socket")
    }

    /// The socket itself.
    pub(crate) fn socket_file(&self) -> PathBuf {
        self.socket().join(".s.PGSQL.5432")
    }

    /// What `DATABASE_URL` says of it.
    pub(crate) fn url(&self) -> String {
        let socket = self.socket();
        format!(
            "host={} user=nvito_clients dbname=nvito_clients",
            socket.display()
        )
    }

    fn config(&self) -> Config {
        let mut config = Config::new();
        config
            .host_path(self.socket())
            .user("postgres")
            .dbname("nvito_clients");
        config
    }

    /// A connection that no wall stops.
    pub(crate) async fn superuser(&self) -> Client {
        connect(&self.config()).await
    }

    /// Starts it, after a crash too.
    pub(crate) async fn up(&mut self) {
        let options = Options {
            data_dir: self.folder.data(),
            settings: self.settings.clone(),
        };
        let started = async {
            loop {
                match PrivatePostgres::start(options.clone()).await {
                    Ok(running) => return running,
                    // Processes of the one that was killed are still there.
                    Err(_) => sleep(Duration::from_millis(50)).await,
                }
            }
        };
        let running = timeout(PATIENCE, started).await.expect("it starts");
        let config = running.config();
        let [Host::Unix(socket)] = config.get_hosts() else {
            panic!("a socket: {config:?}");
        };
        assert_eq!(*socket, self.socket().canonicalize().expect("there"));
        self.running = Some(running);
    }

    /// Its process.
    pub(crate) fn postmaster(&self) -> Pid {
        let text = fs::read_to_string(self.cluster().join("postmaster.pid")).expect("it runs");
        let pid = text.lines().next().and_then(|line| line.parse().ok());
        Pid::from_raw(pid.expect("a number"))
    }

    /// Its processes.
    pub(crate) fn processes(&self) -> Vec<Pid> {
        let postmaster = self.postmaster();
        let children = format!("/proc/{postmaster}/task/{postmaster}/children");
        let children = fs::read_to_string(children).unwrap_or_default();
        let children = children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok());
        std::iter::once(postmaster)
            .chain(children.map(Pid::from_raw))
            .collect()
    }

    /// Sends a signal to all of its processes.
    pub(crate) fn tell_all(&self, signal: Signal) {
        for pid in self.processes() {
            kill(pid, signal).ok();
        }
    }

    /// Ends it by a signal: `SIGQUIT` is `pg_ctl stop -m immediate`.
    pub(crate) async fn crash(&mut self, signal: Signal) {
        kill(self.postmaster(), signal).expect("mine");
        self.ended().await;
    }

    /// Waits for the end of one that was told to end.
    pub(crate) async fn ended(&mut self) {
        let mut running = self.running.take().expect("it runs");
        let ended = timeout(PATIENCE, running.ended()).await;
        let _ = ended.expect("it ends");
    }

    /// Shuts it down in order.
    pub(crate) async fn shut(&mut self) {
        let running = self.running.take().expect("it runs");
        running.stop().await.expect("in order");
    }

    /// Organizations of a database that is in use: so many, and clients in all.
    pub(crate) async fn seeded(&self, organizations: u32, clients: u32) -> Vec<String> {
        let (organizations, clients) = (organizations.to_string(), clients.to_string());
        let arguments = [
            "seed",
            "--organizations",
            &organizations,
            "--clients",
            &clients,
        ];
        let loaded = Service::run(&arguments, &[("DATABASE_URL", &self.url())]);
        assert!(loaded.status.success(), "{loaded:?}");
        let ids = "SELECT id::text FROM organizations ORDER BY id";
        let rows = self.superuser().await.query(ids, &[]).await.expect("asked");
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// A service on `url`, at a port that stays its own when it is started again.
    pub(crate) fn service(&self, url: &str, more: &[(&str, &str)]) -> Serving {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let address = port.expect("a free port").to_string();
        let mut settings = vec![
            ("CLIENTS_LISTEN".to_owned(), address.clone()),
            ("DATABASE_URL".to_owned(), url.to_owned()),
            ("CLIENTS_LOG".to_owned(), "warn".to_owned()),
        ];
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        settings.extend(more.iter().map(own));
        let process = start(&self.folder, &settings);
        Serving {
            address,
            settings,
            process,
        }
    }
}

/// A primary and a standby that streams from it.
pub(crate) async fn pair() -> (Site, Site) {
    let mut primary = Site::start(&[]).await;
    primary.shut().await;
    let standby = joined(&mut primary).await;
    (primary, standby)
}

/// A standby of a primary that is down; both are up then.
pub(crate) async fn joined(primary: &mut Site) -> Site {
    let mut standby = primary.standby();
    primary.up().await;
    standby.up().await;
    let superuser = primary.superuser().await;
    let streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
    let joined = async {
        loop {
            let row = superuser.query_one(streaming, &[]).await.expect("asked");
            if row.get::<_, i64>(0) > 0 {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, joined).await.expect("it streams");
    standby
}

fn start(folder: &Folder, settings: &[(String, String)]) -> Service {
    let settings: Vec<_> = settings
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    Service::start(folder, &settings)
}

/// A service that may be killed and started again.
pub(crate) struct Serving {
    pub(crate) address: String,
    settings: Vec<(String, String)>,
    pub(crate) process: Service,
}

impl Serving {
    /// Starts it again at the same address.
    pub(crate) fn again(&mut self, site: &Site) {
        self.process = start(&site.folder, &self.settings);
    }

    /// Somebody who calls it, however often it was started anew.
    pub(crate) fn actor(&self, role: Role, organization: Option<&str>) -> Actor {
        actor(&self.address, role, organization)
    }

    /// A new organization's id.
    pub(crate) async fn org(&self, name: &str) -> String {
        let id = nobody();
        let request = UpsertOrganizationRequest {
            id: id.clone(),
            name: name.to_owned(),
        };
        let mut directory = self.actor(Role::SuperAdmin, None).directory();
        let upserted = directory.upsert_organization(request).await;
        upserted.expect("upserted");
        id
    }
}

/// A caller with a connection of its own that finds its way back.
pub(crate) fn actor(address: &str, role: Role, organization: Option<&str>) -> Actor {
    let mut identity = vec![
        ("x-user-id", nobody()),
        ("x-role", role.as_str().to_owned()),
    ];
    identity.extend(organization.map(|id| ("x-organization-id", id.to_owned())));
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    Actor::new(endpoint.connect_lazy(), identity)
}
