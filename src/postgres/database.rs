//! The service's role and database inside the server.

use std::path::Path;

use tokio_postgres::{Client, Config, Error, NoTls};

/// Both the role and the database.
const NAME: &str = "nvito_clients";
const SUPERUSER: &str = "postgres";
const TEMPLATE: &str = "template1";

/// The service's role on its database.
pub(super) fn own_config(socket: &Path) -> Config {
    config(socket, NAME, NAME)
}

/// The superuser on the database of the same name.
pub(super) fn superuser_config(socket: &Path) -> Config {
    config(socket, SUPERUSER, SUPERUSER)
}

fn config(socket: &Path, role: &str, database: &str) -> Config {
    let mut config = Config::new();
    config
        .host_path(socket)
        .port(5432)
        .user(role)
        .dbname(database);
    config
}

/// Connects, the connection living as long as the client.
pub(super) async fn connect(config: &Config) -> Result<Client, Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to the private PostgreSQL ended");
        }
    });
    Ok(client)
}

/// Makes what is missing of the role and the database. The role may make other roles, but is no
/// superuser, and has no rights of those it makes until it asks for them.
///
/// Not inheriting, it would in PostgreSQL 15 lack even the rights that a database's owner has on
/// the schema `public`, so it owns that too: already in the template, for the database to be
/// complete as soon as it exists.
pub(super) async fn prepare(superuser: &Client, socket: &Path) -> Result<(), Error> {
    let row = superuser
        .query_one(
            "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1),
                    EXISTS (SELECT FROM pg_database WHERE datname = $1)",
            &[&NAME],
        )
        .await?;
    if !row.get::<_, bool>(0) {
        let role = format!("CREATE ROLE {NAME} LOGIN CREATEROLE NOSUPERUSER NOINHERIT");
        superuser.batch_execute(&role).await?;
    }
    if !row.get::<_, bool>(1) {
        let template = connect(&config(socket, SUPERUSER, TEMPLATE)).await?;
        template
            .batch_execute(&format!("ALTER SCHEMA public OWNER TO {NAME}"))
            .await?;
        drop(template);
        let database =
            format!("CREATE DATABASE {NAME} OWNER {NAME} ENCODING 'UTF8' TEMPLATE {TEMPLATE}");
        superuser.batch_execute(&database).await?;
    }
    Ok(())
}
