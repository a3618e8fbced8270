//! The commands beside `serve`: each does one thing, says so and ends.

use std::time::Instant;

use crate::config::{DatabaseConfig, SeedArgs};
use crate::error::{Cause, causes};
use crate::repository::{Database, migrations};
use crate::seed::{self, Size};
use crate::server::Opened;

/// Brings the database up to date.
pub async fn migrate(config: &DatabaseConfig) -> Result<(), Cause> {
    let opened = Opened::join(config).await?;
    let outcome = migrations::run(&opened.settings).await;
    opened.close().await;
    match outcome?.as_slice() {
        [] => println!("nothing to do: the database is up to date"),
        run => println!("{} migration(s) run: {}", run.len(), run.join(", ")),
    }
    Ok(())
}

/// Loads bulk data, or the demonstration data into an empty database.
pub async fn seed(config: &DatabaseConfig, arguments: SeedArgs) -> Result<(), Cause> {
    let bulk = arguments.organizations.zip(arguments.clients);
    let bulk =
        bulk.map(|(organizations, clients)| Size::new(organizations, clients, arguments.largest));
    let bulk = bulk.transpose()?;
    let opened = Opened::join(config).await?;
    let outcome = load(&opened, bulk).await;
    opened.close().await;
    println!("{}", outcome?);
    Ok(())
}

async fn load(opened: &Opened, bulk: Option<Size>) -> Result<String, Cause> {
    migrations::run(&opened.settings).await?;
    let database = Database::new(opened.settings.clone(), 1);
    let Some(size) = bulk else {
        return Ok(if seed::load_demonstration(&database).await? {
            "the demonstration data is loaded".to_owned()
        } else {
            "nothing loaded: the database is not empty".to_owned()
        });
    };
    let began = Instant::now();
    let loaded = seed::load_bulk_of(&database, size).await.map_err(|error| {
        format!(
            "{}; bulk data is loaded once into a database",
            causes(&error)
        )
    })?;
    Ok(format!(
        "{loaded} in {:.1} s",
        began.elapsed().as_secs_f64()
    ))
}
