//! The database's folder: made once, served on every start.

use std::{ffi::OsString, fs, path::Path, time::Duration};

use tokio::time::timeout;

use super::{
    StartError, account::Account, folders::Home, log::Log, memory, process::Supervised,
    programs::Programs,
};

/// How long initdb may take, and the server until it accepts connections: after a crash it first
/// replays what it had not yet written.
pub(super) const START_LIMIT: Duration = Duration::from_mins(5);
/// The major version that made the database; none when there is none yet.
pub(super) fn version(cluster: &Path) -> Result<Option<u32>, StartError> {
    let path = cluster.join("PG_VERSION");
    if !cluster.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).map_err(StartError::file("read", &path))?;
    let number = text.trim().parse().map_err(std::io::Error::other);
    number.map(Some).map_err(StartError::file("read", path))
}

/// Makes the database: local connections are trusted, as only its user can reach the socket, and
/// all others refused. Complete or not there at all, even after a crash.
pub(super) async fn initialise(
    home: &Home,
    programs: &Programs,
    account: &Account,
    log: Log,
) -> Result<Log, StartError> {
    let cluster = home.cluster();
    tracing::info!(folder = %cluster.display(), programs = %programs.bin.display(), "making the database");
    let built = Home::start_building(&cluster, 0o700)?;
    account.give(&built)?;
    let mut arguments: Vec<OsString> = [
        "--username=postgres",
        "--auth-local=trust",
        "--auth-host=reject",
        "--encoding=UTF8",
        "--locale=C",
        "--no-instructions",
        "-D",
    ]
    .map(OsString::from)
    .into();
    arguments.push(built.clone().into());
    let mut initdb = Supervised::spawn(&programs.initdb(), arguments, account, log)?;
    let Ok(ended) = timeout(START_LIMIT, initdb.ended()).await else {
        let log = initdb.log().last_lines();
        return Err(StartError::InitdbSlow {
            limit: START_LIMIT,
            log,
        });
    };
    ended.map_err(StartError::Initdb)?;
    home.finish_building(&built, &cluster)?;
    Ok(initdb.into_log())
}

/// Starts the server on the database. It does not accept connections yet.
///
/// The settings are on the command line: the folder stays as initdb made it, they apply to
/// folders of earlier releases too, and no file in it overrides them. Of a name the last wins:
/// memory may be set otherwise, where it listens and logs may not.
pub(super) fn spawn(
    home: &Home,
    programs: &Programs,
    account: &Account,
    log: Log,
    socket: &Path,
    settings: &[(String, String)],
) -> Result<Supervised, StartError> {
    let own = [
        ("port", "5432".to_owned()),
        ("listen_addresses", String::new()),
        (
            "unix_socket_directories",
            format!("\"{}\"", socket.display()),
        ),
        ("lc_messages", "C".to_owned()),
        ("log_destination", "stderr".to_owned()),
        ("logging_collector", "off".to_owned()),
        // What goes wrong with a statement quotes its data, and the service logs it itself, with
        // care: the log of PostgreSQL is for PostgreSQL's own affairs.
        ("log_min_messages", "log".to_owned()),
        ("log_min_error_statement", "panic".to_owned()),
        ("log_error_verbosity", "terse".to_owned()),
        ("log_parameter_max_length_on_error", "0".to_owned()),
    ];
    let pages = memory::shared_buffers();
    let given = settings
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let settings = pages
        .iter()
        .map(|pages| ("shared_buffers", pages.as_str()))
        .chain(given)
        .chain(own.iter().map(|(name, value)| (*name, value.as_str())));
    let mut arguments = vec![OsString::from("-D"), home.cluster().into()];
    for (name, value) in settings {
        arguments.extend([
            OsString::from("-c"),
            OsString::from(format!("{name}={value}")),
        ]);
    }
    Supervised::spawn(&programs.postgres(), arguments, account, log)
}
