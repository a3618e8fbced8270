//! What can go wrong, each as one sentence for the person who started the service.

use std::{error::Error, io, path::PathBuf, time::Duration};

use super::lock::Holder;

/// Why the private PostgreSQL could not be started or joined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A folder or file could not be made, read or written: no permission, a full disk.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried, as a verb: `create`, `open`, …
        action: &'static str,
        /// What it was tried on.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The database belongs to another user, and only that user or root can run it.
    #[error(
        "{} belongs to another user (uid {owner}): run nvito-clients as that user, or set \
         CLIENTS_DATA_DIR to a folder of yours", folder.display()
    )]
    NotOwner {
        /// The folder of the database.
        folder: PathBuf,
        /// The user it belongs to.
        owner: u32,
    },
    /// The service is root and the system has no user to run PostgreSQL as.
    #[error(
        "PostgreSQL does not run as root, and the system has neither the user `postgres` nor \
         `nobody`: run nvito-clients as an ordinary user, or set DATABASE_URL"
    )]
    NoAccount,
    /// The service is root and the user that runs PostgreSQL cannot get to the data folder.
    #[error(
        "PostgreSQL does not run as root, and the user {user} that runs it cannot enter {}: allow \
         it (chmod o+x), or set CLIENTS_DATA_DIR to a folder that {user} can reach",
        folder.display()
    )]
    Unreachable {
        /// The outermost folder that refuses.
        folder: PathBuf,
        /// The user that PostgreSQL would run as.
        user: String,
    },
    /// Another service runs on the same folder.
    #[error(
        "another nvito-clients ({holder}) is already running on {}; stop it, or set \
         CLIENTS_DATA_DIR to another folder", folder.display()
    )]
    Held {
        /// The data folder.
        folder: PathBuf,
        /// The process that holds it.
        holder: Holder,
    },
    /// Another service runs on the folder, but its PostgreSQL cannot be joined.
    #[error(
        "nvito-clients ({holder}) is running on {}, but its PostgreSQL accepts no connections",
        folder.display()
    )]
    NotAccepting {
        /// The data folder.
        folder: PathBuf,
        /// The process that holds it.
        holder: Holder,
    },
    /// No usable PostgreSQL is installed, and npm could not supply one.
    #[error(
        "no usable PostgreSQL (15 or later) was found{rejected}: set DATABASE_URL to the address \
         of one, or install it (apt: `postgresql`; dnf: `postgresql-server postgresql-contrib`; \
         brew: `postgresql@17`)"
    )]
    NotFound {
        /// The ones that were found and why they do not do, in parentheses; or nothing.
        rejected: String,
    },
    /// The database was made by a PostgreSQL of another major version than the installed ones.
    #[error(
        "{} was made by PostgreSQL {wanted}, but {found}: install PostgreSQL {wanted}, or set \
         CLIENTS_DATA_DIR to another folder", folder.display()
    )]
    VersionGone {
        /// The folder of the database.
        folder: PathBuf,
        /// The major version that made it.
        wanted: u32,
        /// What is installed instead.
        found: String,
    },
    /// The PostgreSQL of an earlier run does not stop.
    #[error("the PostgreSQL of an earlier run (process {pid}) on {} does not stop", folder.display())]
    OldServer {
        /// Its process.
        pid: i32,
        /// The folder of its database.
        folder: PathBuf,
    },
    /// The short folder for the socket, below the temp folder, is not safe to use.
    #[error(
        "{} should be a private folder (mode 0700, uid {owner}) for PostgreSQL's socket: remove \
         it, or set CLIENTS_DATA_DIR to a shorter path", folder.display()
    )]
    SocketFolder {
        /// The folder.
        folder: PathBuf,
        /// The user it should belong to.
        owner: u32,
    },
    /// `initdb` failed.
    #[error("cannot initialise the database: initdb: {0}")]
    Initdb(Ended),
    /// `initdb` was not done in time.
    #[error(
        "cannot initialise the database: initdb takes more than {} s{}",
        limit.as_secs(), quote(log)
    )]
    InitdbSlow {
        /// How long it was given.
        limit: Duration,
        /// The last lines of its log.
        log: String,
    },
    /// PostgreSQL ended instead of accepting connections.
    #[error("PostgreSQL does not start: {0}")]
    Server(Ended),
    /// PostgreSQL runs, but did not accept connections in time.
    #[error("PostgreSQL accepts no connections after {} s{}", limit.as_secs(), quote(log))]
    NotReady {
        /// How long it was given.
        limit: Duration,
        /// The last lines of its log.
        log: String,
    },
    /// The role or the database of the service could not be made.
    #[error("cannot prepare the database `nvito_clients`: {}", with_causes(.0))]
    Database(#[source] tokio_postgres::Error),
}

/// Why PostgreSQL did not stop as it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StopError {
    /// It had ended before, or ended with a failure. The next start recovers.
    #[error("PostgreSQL: {0}")]
    Ended(Ended),
    /// It ignores even the immediate shutdown.
    #[error("PostgreSQL on {} does not stop", folder.display())]
    StillRunning {
        /// The folder of its database.
        folder: PathBuf,
    },
}

/// How a program ended that should not have, and what it said.
#[derive(Debug, thiserror::Error)]
#[error("it ended with {status}{}", quote(log))]
pub struct Ended {
    /// Its exit status, or why that is unknown. A shell's: 128 and more is a signal.
    pub status: String,
    /// The last lines it wrote to the log; empty when it said nothing.
    pub log: String,
}

impl StartError {
    /// For `map_err`: the failure of `action` on `path`.
    pub(super) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}

fn quote(log: &str) -> String {
    if log.is_empty() {
        String::new()
    } else {
        format!("; its last words:\n{log}")
    }
}

/// `tokio_postgres` says only "db error": the server's own sentence is in the cause.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
