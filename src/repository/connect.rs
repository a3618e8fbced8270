//! One connection, with the session settings of the service.

use std::sync::LazyLock;
use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{CancelToken, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::pool::CREATE;
use crate::error::causes;

/// Set once per connection: what bounds how long a lost caller or a stuck neighbour can
/// hold anything.
const SESSION: &str = "SET application_name = 'nvito-clients'; \
    SET statement_timeout = '10s'; \
    SET lock_timeout = '2s'; \
    SET idle_in_transaction_session_timeout = '5s'";

/// The same for how statements are planned. Pages come from memory or a solid-state
/// disk, where the next one is hardly cheaper than any other; PostgreSQL's default of 4
/// would have it read whole tables. A prepared statement is planned once: with a bound
/// LIMIT PostgreSQL would else believe each plan of its own worth its time. No statement
/// is so long that helpers (11 ms to start two of them) or compiled expressions were
/// worth theirs, and where PostgreSQL believes it, as of searches among several hundred
/// thousand clients, others need the processors.
pub const PLANNING: [&str; 4] = [
    "random_page_cost=1.1",
    "plan_cache_mode=force_generic_plan",
    "max_parallel_workers_per_gather=0",
    "jit=off",
];

/// Where the system can: a statement ends whose client is gone.
const GONE: &str = "SET client_connection_check_interval = '1s'";

/// When a peer that does not acknowledge is given up (Linux; else by keepalive).
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);
/// When a silent connection is asked whether its peer is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// TLS with the certificates that the system trusts (or SSL_CERT_FILE).
static TLS: LazyLock<Option<MakeRustlsConnect>> = LazyLock::new(|| {
    MakeRustlsConnect::with_native_certs()
        .ok()
        .map(|(tls, _)| tls)
});

/// Opens one connection.
///
/// `sslmode=require` means TLS to a server whose certificate is verified;
/// anything less is no protection, so it goes without.
///
/// A server that lets in and then says nothing, as a proxy does whose own is gone, is
/// given up as well, after [`CREATE`], or that much more than `connect_timeout` gives to
/// all hosts.
pub(super) async fn connect(settings: &Config) -> ConnectionResult<AsyncPgConnection> {
    let hosts = u32::try_from(settings.get_hosts().len()).unwrap_or(1);
    let given = settings.get_connect_timeout().copied().unwrap_or_default();
    timeout(CREATE + given * hosts, opened(settings))
        .await
        .map_err(|silence| bad(settings, &silence))?
}

async fn opened(settings: &Config) -> ConnectionResult<AsyncPgConnection> {
    let settings = bounded(settings);
    let mut connection = if settings.get_ssl_mode() == SslMode::Require {
        let tls = TLS.clone().ok_or_else(|| {
            ConnectionError::BadConnection("the system trusts no certificates".to_owned())
        })?;
        let (client, connection) = settings
            .connect(tls)
            .await
            .map_err(|cause| bad(&settings, &cause))?;
        AsyncPgConnection::try_from_client_and_connection(client, connection).await?
    } else {
        let (client, connection) = settings
            .connect(NoTls)
            .await
            .map_err(|cause| bad(&settings, &cause))?;
        AsyncPgConnection::try_from_client_and_connection(client, connection).await?
    };
    let planning = PLANNING.map(|setting| format!("; SET {setting}")).concat();
    connection
        .batch_execute(&format!("{SESSION}{planning}"))
        .await
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    // Error texts are read where the driver drops the SQLSTATE. Where the role
    // may not choose their language, the administrator has to (README).
    let _ = connection.batch_execute("SET lc_messages = 'C'").await;
    let _ = connection.batch_execute(GONE).await;
    Ok(connection)
}

/// Cancels what runs on a connection. Done when PostgreSQL has been told.
pub(super) async fn cancel(
    settings: &Config,
    token: CancelToken,
) -> Result<(), tokio_postgres::Error> {
    match TLS.clone() {
        Some(tls) if settings.get_ssl_mode() == SslMode::Require => token.cancel_query(tls).await,
        _ => token.cancel_query(NoTls).await,
    }
}

/// The settings with the times that they leave open. Of several servers each
/// gets its part of the time a connection may take, or a first one that is
/// silent would keep us from the one that took its place.
fn bounded(settings: &Config) -> Config {
    let mut settings = settings.clone();
    if settings.get_connect_timeout().is_none() {
        let hosts = settings.get_hosts().len().max(1);
        let part = CREATE.mul_f64(0.9) / u32::try_from(hosts).unwrap_or(1);
        settings.connect_timeout(part);
    }
    if settings.get_tcp_user_timeout().is_none() {
        settings.tcp_user_timeout(UNACKNOWLEDGED);
    }
    settings.keepalives_idle(KEEPALIVE);
    settings
}

fn bad(settings: &Config, cause: &(dyn std::error::Error + 'static)) -> ConnectionError {
    let cause = causes(cause);
    ConnectionError::BadConnection(format!("PostgreSQL at {}: {cause}", name(settings)))
}

/// A server in logs and metrics: its host and port, as they were written; of several, all.
pub(super) fn name(settings: &Config) -> String {
    let host = |host: &Host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.display().to_string(),
    };
    let mut hosts: Vec<_> = settings.get_hosts().iter().map(host).collect();
    if hosts.is_empty() {
        hosts.extend(settings.get_hostaddrs().iter().map(ToString::to_string));
    }
    let ports = settings.get_ports();
    let named = hosts.into_iter().enumerate().map(|(number, host)| {
        let port = ports.get(number).or(ports.first());
        port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
    });
    named.collect::<Vec<_>>().join(",")
}
