//! One connection, with the session settings of the service.

use std::sync::LazyLock;
use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::causes;

/// Set once per connection. The timeouts bound what a lost caller or a stuck
/// neighbour can hold. Pages come from memory or a solid-state disk, where the
/// next one is hardly cheaper than any other; PostgreSQL's default of 4 would
/// have it read whole tables.
const SESSION: &str = "SET application_name = 'nvito-clients'; \
    SET statement_timeout = '10s'; \
    SET lock_timeout = '2s'; \
    SET idle_in_transaction_session_timeout = '15s'; \
    SET random_page_cost = 1.1";

/// How long an address may take to answer, unless the settings say.
const CONNECT: Duration = Duration::from_secs(5);

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
pub(super) async fn connect(settings: &Config) -> ConnectionResult<AsyncPgConnection> {
    let mut settings = settings.clone();
    if settings.get_connect_timeout().is_none() {
        settings.connect_timeout(CONNECT);
    }
    let mut connection = if settings.get_ssl_mode() == SslMode::Require {
        let tls = TLS.clone().ok_or_else(|| {
            ConnectionError::BadConnection("the system trusts no certificates".to_owned())
        })?;
        let (client, connection) = settings.connect(tls).await.map_err(|cause| bad(&cause))?;
        AsyncPgConnection::try_from_client_and_connection(client, connection).await?
    } else {
        let (client, connection) = settings.connect(NoTls).await.map_err(|cause| bad(&cause))?;
        AsyncPgConnection::try_from_client_and_connection(client, connection).await?
    };
    connection
        .batch_execute(SESSION)
        .await
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    // Error texts are read where the driver drops the SQLSTATE. Where the role
    // may not choose their language, the administrator has to (README).
    let _ = connection.batch_execute("SET lc_messages = 'C'").await;
    Ok(connection)
}

fn bad(cause: &tokio_postgres::Error) -> ConnectionError {
    ConnectionError::BadConnection(causes(cause))
}
