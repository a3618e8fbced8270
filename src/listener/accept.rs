//! The accept loop.

use std::io::{Error, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::enter::Entrance;
use super::places::Places;
use super::seldom::Seldom;

const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(1);

/// Accepts until it is aborted; those who are about to enter go with it.
pub(super) async fn accept(listener: TcpListener, places: Arc<Places>, entrance: Arc<Entrance>) {
    let mut entering = JoinSet::new();
    let mut pause = SHORTEST;
    let failing = Seldom::default();
    loop {
        while entering.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((socket, _)) => {
                pause = SHORTEST;
                let place = places.take().await;
                entering.spawn(Arc::clone(&entrance).enter(socket, place));
            }
            Err(error) if is_of_the_peer(&error) => {}
            // Out of descriptors or memory, as a rule. The queue stays ready
            // all the while, so without a pause this loop would spin.
            Err(error) => {
                if let Some(unsaid) = failing.say() {
                    tracing::warn!(%error, unsaid, "no connection can be accepted");
                }
                places.make_room();
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST);
            }
        }
    }
}

/// Whether only the connection that was to be accepted is gone.
fn is_of_the_peer(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
    )
}
