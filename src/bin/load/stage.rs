//! A PostgreSQL and a service of the command's own, with data.

mod service;

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nvito_clients::error::Cause;
use nvito_clients::postgres::{Options, PrivatePostgres};
use nvito_clients::repository::{Database, migrations};
use nvito_clients::seed::{self, Size};
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

use super::cpu::{self, Watched};
use service::Service;

/// What to set up.
pub(crate) struct Plan {
    /// Kept, and found again with its data; without it a temp folder that goes.
    pub(crate) data_dir: Option<PathBuf>,
    /// Settings of PostgreSQL.
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) size: Size,
    /// The service's program.
    pub(crate) service: PathBuf,
}

/// What is set up. Ends with this process, however that ends; the temp folder
/// goes at [`clear`](Self::clear).
pub(crate) struct Stage {
    folder: PathBuf,
    temporary: bool,
    postgres: PrivatePostgres,
    service: Service,
    postmaster: u32,
}

impl Stage {
    /// Starts PostgreSQL, loads the data unless it is there, starts the service.
    pub(crate) async fn set(plan: &Plan) -> Result<Self, Cause> {
        let temporary = plan.data_dir.is_none();
        let folder = plan.data_dir.clone().unwrap_or_else(|| {
            std::env::temp_dir().join(format!("nvito-clients-load-{}", std::process::id()))
        });
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        // As root, PostgreSQL runs as another user, who has to get there.
        fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
        let folder = folder.canonicalize()?;
        let postgres = PrivatePostgres::start(Options {
            data_dir: folder.join("data"),
            settings: plan.settings.clone(),
        })
        .await?;
        let set = async {
            load(&postgres.config(), plan.size).await?;
            let address = address_of(&postgres.config())?;
            let postmaster = postmaster(&postgres.superuser_config()).await?;
            let log = folder.join("service.log");
            let service = Service::start(&plan.service, &address, &log).await?;
            Ok::<_, Cause>((service, postmaster))
        };
        match set.await {
            Ok((service, postmaster)) => Ok(Self {
                folder,
                temporary,
                postgres,
                service,
                postmaster,
            }),
            Err(error) => {
                postgres.stop().await?;
                if temporary {
                    fs::remove_dir_all(&folder)?;
                }
                Err(error)
            }
        }
    }

    /// Where the service listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.service.address()
    }

    /// The processes that are measured.
    pub(crate) fn watched(&self) -> Watched {
        Watched {
            server: self.service.pid(),
            postgres: Some(self.postmaster),
        }
    }

    /// A connection to the service's database that no wall stops.
    pub(crate) async fn superuser(&self) -> Result<Client, Cause> {
        let mut config = self.postgres.superuser_config();
        config.dbname(self.postgres.config().get_dbname().unwrap_or_default());
        connect(&config).await
    }

    /// How the service connects to PostgreSQL.
    pub(crate) fn config(&self) -> Config {
        self.postgres.config()
    }

    /// Where PostgreSQL's programs are.
    pub(crate) fn programs(&self) -> &Path {
        self.postgres.programs()
    }

    /// Where files of a run may be written.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What PostgreSQL logs.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("data/postgres.log")
    }

    /// Stops all of it.
    pub(crate) async fn clear(self) -> Result<(), Cause> {
        self.service.stop().await?;
        self.postgres.stop().await?;
        if self.temporary {
            fs::remove_dir_all(&self.folder)?;
        }
        Ok(())
    }
}

/// The folder of PostgreSQL's socket.
pub(crate) fn socket(config: &Config) -> Result<&Path, Cause> {
    match config.get_hosts() {
        [Host::Unix(folder)] => Ok(folder),
        _ => Err("the private PostgreSQL has no socket".into()),
    }
}

pub(crate) async fn connect(config: &Config) -> Result<Client, Cause> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Brings the database up to date and loads the data; what an earlier run has
/// loaded and written stays.
async fn load(settings: &Config, size: Size) -> Result<(), Cause> {
    migrations::run(settings).await?;
    let database = Database::new(settings.clone(), 1);
    if !database.has_organization(size.organization_id(0)).await? {
        eprintln!("load: {} clients are loaded", size.clients);
        seed::load_bulk_of(&database, size).await?;
    }
    Ok(())
}

/// As DATABASE_URL takes it.
fn address_of(config: &Config) -> Result<String, Cause> {
    let folder = socket(config)?.to_str().ok_or("a path that is not UTF-8")?;
    let folder = folder.replace('\\', "\\\\").replace('\'', "\\'");
    let (user, database) = (config.get_user(), config.get_dbname());
    Ok(format!(
        "host='{folder}' port=5432 user={} dbname={}",
        user.unwrap_or_default(),
        database.unwrap_or_default()
    ))
}

/// The parent of every connection's process.
async fn postmaster(superuser: &Config) -> Result<u32, Cause> {
    let client = connect(superuser).await?;
    let row = client.query_one("SELECT pg_backend_pid()", &[]).await?;
    let pid = u32::try_from(row.get::<_, i32>(0))?;
    cpu::parent(pid).ok_or_else(|| "PostgreSQL's process is not to be seen".into())
}
