//! A private PostgreSQL, the default where no other is configured: found on the machine, started
//! and stopped with the service, so that the service runs with nothing set up.
//!
//! - It is reachable through a Unix socket in a folder of mode 0700 only, never over the network;
//!   that makes passwords unnecessary.
//! - It does not outlive the service, even one that is killed (`process`); after any crash the
//!   next start recovers what was committed.
//! - A data folder has one service at a time (`lock`).
//! - As root, it runs as an unprivileged user, since PostgreSQL refuses to be root (`account`).
//!
//! Small files are read and written without handing them to other threads: this happens while
//! the service starts, before it has requests to delay.

mod account;
mod cluster;
mod data_dir;
mod database;
mod error;
mod folders;
mod join;
mod lock;
mod log;
mod memory;
mod npm;
mod postmaster;
mod process;
mod programs;
mod search;
mod socket;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::{Client, Config};

use account::Account;
use cluster::START_LIMIT;
use folders::Home;
use lock::Lock;
use log::Log;
use postmaster::{POLL, Postmaster};
use process::Supervised;
use search::Search;

pub use data_dir::default_data_dir;
pub use error::{Ended, StartError, StopError};
pub use join::running;
pub use lock::Holder;

/// How long a fast shutdown may take, which writes what is in memory; and then an immediate one.
const STOP_LIMIT: Duration = Duration::from_secs(30);
const IMMEDIATE_STOP_LIMIT: Duration = Duration::from_secs(10);

/// What to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder for the database and all that belongs to it; made when missing.
    pub data_dir: PathBuf,
    /// Further settings of the server, by name and value. They cannot change where it listens
    /// and logs.
    pub settings: Vec<(String, String)>,
}

/// A running private PostgreSQL. Dropped without [`stop`](Self::stop), it shuts down by itself
/// within moments.
#[derive(Debug)]
pub struct PrivatePostgres {
    server: Supervised,
    socket: PathBuf,
    cluster: PathBuf,
    programs: PathBuf,
    _lock: Lock,
}

impl PrivatePostgres {
    /// Starts PostgreSQL on the folder, making the database on first use, and returns once it
    /// accepts connections. A server that an earlier, killed service left behind is stopped first.
    ///
    /// Needs a tokio runtime with time and I/O enabled.
    ///
    /// # Errors
    ///
    /// Every [`StartError`], each a sentence for the person who started the service. What was
    /// started shuts down by itself, and the next start begins where this one did.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        Self::start_found_by(&Search::system(), options).await
    }

    async fn start_found_by(search: &Search, options: Options) -> Result<Self, StartError> {
        let began = Instant::now();
        let home = Home::create(&options.data_dir)?;
        let cluster = home.cluster();
        let account = Account::choose(home.path(), &cluster)?;
        account.can_reach(home.path()).await?;
        let lock = Lock::take(&home, &account).await?;
        home.remove_unfinished().await?;
        postmaster::end_old_server(&cluster).await?;

        let version = cluster::version(&cluster)?;
        let programs = search.find(&home, version, &account).await?;
        let mut log = Log::open(&home, &account)?;
        if version.is_none() {
            log = cluster::initialise(&home, &programs, &account, log).await?;
        }
        let socket = socket::create(home.path(), &account)?;
        let mut server =
            cluster::spawn(&home, &programs, &account, log, &socket, &options.settings)?;
        let client = first_client(&mut server, &cluster, &socket).await?;
        database::prepare(&client, &socket)
            .await
            .map_err(StartError::Database)?;
        tracing::info!(
            version = programs.major,
            programs = %programs.bin.display(),
            folder = %home.path().display(),
            seconds = began.elapsed().as_secs_f64(),
            "the private PostgreSQL accepts connections",
        );
        Ok(Self {
            server,
            socket,
            cluster,
            programs: programs.bin,
            _lock: lock,
        })
    }

    /// How to connect as the service's own role to its database; both are `nvito_clients`.
    ///
    /// The role owns the database, may create roles, and is no superuser.
    #[must_use]
    pub fn config(&self) -> Config {
        database::own_config(&self.socket)
    }

    /// How to connect as the superuser `postgres` to the database `postgres`.
    #[must_use]
    pub fn superuser_config(&self) -> Config {
        database::superuser_config(&self.socket)
    }

    /// The folder of the programs that it runs, and what else came with them.
    #[must_use]
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// Waits until PostgreSQL has ended, which without [`stop`](Self::stop) it should not: the
    /// service is then best ended too. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`Ended`] when it crashed or failed, with its last words; otherwise somebody shut it down.
    pub async fn ended(&mut self) -> Result<(), Ended> {
        self.server.ended().await
    }

    /// Shuts PostgreSQL down, ending its connections, and waits until it is gone. After 30 s it
    /// is shut down immediately, for the next start to recover.
    ///
    /// # Errors
    ///
    /// [`StopError::Ended`] when it had crashed or failed in the shutdown;
    /// [`StopError::StillRunning`] when even the immediate shutdown takes more than 10 s.
    pub async fn stop(mut self) -> Result<(), StopError> {
        self.server.stop();
        let mut ended = timeout(STOP_LIMIT, self.server.ended()).await;
        if ended.is_err() {
            tracing::warn!("PostgreSQL takes too long to shut down, doing it immediately");
            postmaster::stop_immediately(&self.cluster);
            ended = timeout(IMMEDIATE_STOP_LIMIT, self.server.ended()).await;
        }
        let Ok(ended) = ended else {
            return Err(StopError::StillRunning {
                folder: self.cluster,
            });
        };
        socket::remove_short(&self.socket);
        ended.map_err(StopError::Ended)
    }
}

/// Waits until the server accepts connections, and is the first to connect, as the superuser.
///
/// It is not asked before `postmaster.pid` says that it is ready: it would log each refusal.
async fn first_client(
    server: &mut Supervised,
    cluster: &Path,
    socket: &Path,
) -> Result<Client, StartError> {
    let config = database::superuser_config(socket);
    let connected = async {
        loop {
            if Postmaster::read(cluster).is_some_and(|server| server.ready)
                && let Ok(client) = database::connect(&config).await
            {
                return client;
            }
            sleep(POLL).await;
        }
    };
    let outcome = tokio::select! {
        connected = timeout(START_LIMIT, connected) => Ok(connected.ok()),
        ended = server.ended() => Err(ended),
    };
    match outcome {
        Ok(Some(client)) => Ok(client),
        Ok(None) => Err(StartError::NotReady {
            limit: START_LIMIT,
            log: server.log().last_lines(),
        }),
        Err(ended) => Err(StartError::Server(ended.err().unwrap_or_else(|| Ended {
            status: "exit status: 0".to_owned(),
            log: server.log().last_lines(),
        }))),
    }
}

#[cfg(test)]
mod tests;
