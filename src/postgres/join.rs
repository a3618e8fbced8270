//! Joining the PostgreSQL that another process of ours runs.

use std::{path::Path, time::Duration};

use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::Config;

use super::{
    StartError, database,
    folders::Home,
    lock,
    postmaster::{POLL, Postmaster},
};

/// How long [`running`] waits for a server that is just starting.
const JOIN_LIMIT: Duration = Duration::from_secs(10);

/// How to connect to the PostgreSQL that another process of ours is running on the folder, as the
/// service's own role; none when nobody runs it. One that is just starting is waited for.
///
/// # Errors
///
/// [`StartError::NotAccepting`] when the folder is held but no connection comes about within 10 s;
/// [`StartError::File`] when the folder is not for this user to read.
pub async fn running(data_dir: &Path) -> Result<Option<Config>, StartError> {
    let Some(home) = Home::existing(data_dir)? else {
        return Ok(None);
    };
    let cluster = home.cluster();
    let deadline = Instant::now() + JOIN_LIMIT;
    while let Some(holder) = lock::holder(&home)? {
        if let Some(server) = Postmaster::read(&cluster).filter(|server| server.ready) {
            let config = database::own_config(&server.socket);
            let joined = timeout_at(deadline, database::connect(&config)).await;
            if joined.is_ok_and(|joined| joined.is_ok()) {
                return Ok(Some(config));
            }
        }
        if Instant::now() > deadline {
            return Err(StartError::NotAccepting {
                folder: home.path().to_path_buf(),
                holder,
            });
        }
        sleep(POLL).await;
    }
    Ok(None)
}
