//! What a person may set: flags, environment variables and their defaults.
//!
//! Everything is read once, at the start, and all mistakes are told at once.

mod auth;
mod check;
mod listener;
mod metrics;
mod standby;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::filter::Targets;

use crate::config::metrics::MetricsArgs;
use crate::config::standby::StandbyArgs;
use crate::domain::principal::Policy;
use crate::listener::ListenerConfig;

pub use auth::Auth;
use check::{connections, filter, number, place, roles, switch, unknown};

/// The gRPC service that owns the clients of an event company.
///
/// Without a command it serves. Without DATABASE_URL it starts a private
/// PostgreSQL of its own.
#[derive(Debug, Parser)]
#[command(name = "nvito-clients", version, max_term_width = 100)]
pub struct Cli {
    /// What to do; `serve` when left out.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Address of the gRPC listener.
    #[arg(
        long,
        global = true,
        env = "CLIENTS_LISTEN",
        default_value = "127.0.0.1:50051",
        hide_env_values = true
    )]
    listen: String,

    #[command(flatten)]
    listener: listener::ListenerArgs,

    /// PostgreSQL 15 or later to use, as a URL or key=value pairs. [default: a private one]
    #[arg(long, global = true, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,

    #[command(flatten)]
    standby: StandbyArgs,

    /// Most connections to PostgreSQL, and to each standby. [default: 16; to one on this machine
    /// four for each processor, 8 to 16]
    #[arg(
        long,
        global = true,
        env = "CLIENTS_DATABASE_CONNECTIONS",
        hide_env_values = true
    )]
    database_connections: Option<String>,

    /// Where the private PostgreSQL lives. [default: the platform's data folder]
    #[arg(long, global = true, env = "CLIENTS_DATA_DIR", hide_env_values = true)]
    data_dir: Option<OsString>,

    /// Demonstration data on a fresh private database: on or off.
    #[arg(
        long,
        global = true,
        env = "CLIENTS_DEMO",
        default_value = "on",
        hide_env_values = true
    )]
    demo: String,

    #[command(flatten)]
    auth: auth::AuthArgs,

    /// Roles that may work with clients, separated by commas.
    #[arg(
        long,
        global = true,
        env = "CLIENTS_ADMIN_PANEL_ROLES",
        default_value = "SUPER_ADMIN,PLATFORM_ADMIN",
        hide_env_values = true
    )]
    admin_panel_roles: String,

    /// gRPC server reflection: on or off.
    #[arg(
        long,
        global = true,
        env = "CLIENTS_REFLECTION",
        default_value = "on",
        hide_env_values = true
    )]
    reflection: String,

    /// Seconds that calls in flight are given when the service is told to stop.
    #[arg(
        long,
        global = true,
        env = "CLIENTS_DRAIN_SECONDS",
        default_value = "10",
        hide_env_values = true
    )]
    drain_seconds: String,

    /// Most calls in flight at once; lists are refused from half of it, gets
    /// from three quarters.
    #[arg(
        long,
        global = true,
        env = "CLIENTS_IN_FLIGHT",
        default_value = "256",
        hide_env_values = true
    )]
    in_flight: String,

    /// Threads that serve calls. [default: half of the processors, for PostgreSQL has more to do]
    #[arg(long, global = true, env = "CLIENTS_THREADS", hide_env_values = true)]
    threads: Option<String>,

    #[command(flatten)]
    metrics: MetricsArgs,

    /// What to log, as tracing filters: info, or info,nvito_clients=debug.
    #[arg(
        long,
        global = true,
        env = "CLIENTS_LOG",
        default_value = "info",
        hide_env_values = true
    )]
    log: String,
}

/// The commands.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Serve until SIGTERM or SIGINT (the default).
    Serve,
    /// Bring the database up to date and end.
    Migrate,
    /// Load bulk data for load tests, or the demonstration data, and end.
    Seed(SeedArgs),
}

/// How much to load.
#[derive(Debug, Clone, Copy, Args)]
pub struct SeedArgs {
    /// Organizations of bulk data; with --clients. Without both, the
    /// demonstration data is loaded into an empty database.
    #[arg(long, requires = "clients", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub organizations: Option<u32>,
    /// Clients in all, spread over the organizations.
    #[arg(long, requires = "organizations", value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    pub clients: Option<u32>,
    /// How many of them the first organization has; as many as any other when not given.
    #[arg(long, requires = "clients")]
    pub largest: Option<u32>,
}

/// Everything, checked.
#[derive(Debug)]
pub struct Config {
    /// What to do.
    pub command: Command,
    /// Where the data is.
    pub database: DatabaseConfig,
    /// How to serve.
    pub server: ServerConfig,
    /// Threads that serve calls.
    pub threads: usize,
    /// What to log.
    pub log: Targets,
    /// Variables that begin as ours do, and are none: to be told in the log.
    pub unknown: Vec<String>,
}

/// Where the data is.
pub struct DatabaseConfig {
    /// One that exists already, or a private one.
    pub place: Place,
    /// Standbys of it that reads may go to, each by itself.
    pub standbys: Vec<tokio_postgres::Config>,
    /// Most connections, and most to each standby.
    pub connections: usize,
    /// Whether a fresh private one gets demonstration data.
    pub demo: bool,
}

/// Which PostgreSQL.
pub enum Place {
    /// Somebody else's.
    Given(Box<tokio_postgres::Config>),
    /// Our own, in a folder.
    Private(PathBuf),
}

impl fmt::Debug for DatabaseConfig {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.place {
            Place::Given(_) => "DATABASE_URL (redacted)".to_owned(),
            Place::Private(folder) => folder.display().to_string(),
        };
        f.debug_struct("DatabaseConfig")
            .field("place", &place)
            .field("standbys", &self.standbys.len())
            .field("connections", &self.connections)
            .field("demo", &self.demo)
            .finish()
    }
}

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Address of the listener.
    pub listen: SocketAddr,
    /// How callers say who they are.
    pub auth: Auth,
    /// How to listen there.
    pub listener: ListenerConfig,
    /// Who may do what.
    pub policy: Policy,
    /// Whether shells may ask what there is.
    pub reflection: bool,
    /// How long calls in flight are given at the end.
    pub drain: Duration,
    /// Most calls at once.
    pub in_flight: usize,
    /// Where the metrics are served, if anywhere.
    pub metrics: Option<SocketAddr>,
}

impl Default for ServerConfig {
    /// As nothing set: the defaults of the flags, on a free port.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            auth: Auth::Metadata,
            listener: ListenerConfig::default(),
            policy: Policy::default(),
            reflection: true,
            drain: Duration::from_secs(10),
            in_flight: 256,
            metrics: None,
        }
    }
}

/// Every mistake in the configuration, one line each.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has {} mistake(s):\n{}", .0.len(), .0.iter().map(|mistake| format!("  {mistake}")).collect::<Vec<_>>().join("\n"))]
pub struct Mistakes(pub Vec<String>);

impl Cli {
    /// Checks all of it.
    pub fn check(self) -> Result<Config, Mistakes> {
        let mut mistakes = Vec::new();
        let variables: Vec<_> = std::env::vars_os()
            .filter_map(|(name, _)| name.into_string().ok())
            .collect();
        let unknown = unknown(variables.iter().map(String::as_str), &mut mistakes);
        let demo = switch("CLIENTS_DEMO", &self.demo, &mut mistakes);
        let reflection = switch("CLIENTS_REFLECTION", &self.reflection, &mut mistakes);
        let listen = self.listen.parse::<SocketAddr>().unwrap_or_else(|_| {
            mistakes.push(format!(
                "CLIENTS_LISTEN: {:?} is no address; write for example 127.0.0.1:50051",
                self.listen
            ));
            SocketAddr::from(([127, 0, 0, 1], 0))
        });
        let serves = matches!(self.command, None | Some(Command::Serve));
        let knows_its_callers = self.listener.knows_its_callers();
        let mut listener = self.listener.check(serves, &mut mistakes);
        let auth = self.auth.check(listen, knows_its_callers, &mut mistakes);
        let roles = roles(&self.admin_panel_roles, &mut mistakes);
        let drain = number(
            "CLIENTS_DRAIN_SECONDS",
            &self.drain_seconds,
            0..=3600,
            &mut mistakes,
        );
        let in_flight = number(
            "CLIENTS_IN_FLIGHT",
            &self.in_flight,
            1..=100_000,
            &mut mistakes,
        );
        let threads = match &self.threads {
            Some(threads) => number("CLIENTS_THREADS", threads, 1..=1000, &mut mistakes),
            None => {
                available_parallelism().map_or(1, |processors| processors.get().div_ceil(2) as u64)
            }
        };
        let metrics = self.metrics.check(&mut mistakes);
        let place = place(self.database_url.as_deref(), self.data_dir, &mut mistakes);
        let connections = match &self.database_connections {
            Some(connections) => {
                let name = "CLIENTS_DATABASE_CONNECTIONS";
                number(name, connections, 1..=1000, &mut mistakes)
            }
            None => connections(place.as_ref()),
        };
        let given = !matches!(place, Some(Place::Private(_)));
        let standbys = self.standby.check(given, &mut mistakes);
        // Each standby has a pool, and is watched by a connection to either side.
        let pools = usize::try_from(connections).unwrap_or(0) * (1 + standbys.len());
        listener.kept_descriptors += pools + 2 * standbys.len();
        let log = filter(&self.log, &mut mistakes);
        let (Some(place), Some(auth), true) = (place, auth, mistakes.is_empty()) else {
            return Err(Mistakes(mistakes));
        };
        Ok(Config {
            command: self.command.unwrap_or(Command::Serve),
            database: DatabaseConfig {
                place,
                standbys,
                connections: usize::try_from(connections).unwrap_or(1),
                demo,
            },
            server: ServerConfig {
                listen,
                auth,
                listener,
                policy: Policy::new(roles),
                reflection,
                drain: Duration::from_secs(drain),
                in_flight: usize::try_from(in_flight).unwrap_or(1),
                metrics,
            },
            threads: usize::try_from(threads).unwrap_or(1),
            log,
            unknown,
        })
    }
}
