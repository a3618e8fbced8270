//! The server's own word, `postmaster.pid`: whether it is ready, and what an earlier run left.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time::{sleep, timeout};

use super::{StartError, process::is_server_of};

/// How long a server of an earlier run is waited for, before and after the immediate shutdown.
const OLD_SERVER_LIMIT: Duration = Duration::from_secs(10);
/// How often a server is looked at that should soon be ready, or gone.
pub(super) const POLL: Duration = Duration::from_millis(3);

/// What a server tells about itself in `postmaster.pid`; stale after a crash.
#[derive(Debug)]
pub(super) struct Postmaster {
    pid: i32,
    /// The folder of its socket.
    pub(super) socket: PathBuf,
    /// Whether it accepts connections.
    pub(super) ready: bool,
}

impl Postmaster {
    /// None when there is no such file or the server has not written all of it yet.
    pub(super) fn read(cluster: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(cluster.join("postmaster.pid")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let pid = lines.next()?.parse().ok()?;
        let socket = lines.nth(3).unwrap_or_default().into();
        let ready = lines.nth(2).is_some_and(|status| status.trim() == "ready");
        Some(Self { pid, socket, ready })
    }

    /// Sends `signal` if the server is there. Returns whether it is.
    fn signal(&self, cluster: &Path, signal: Option<Signal>) -> bool {
        is_server_of(self.pid, cluster) && kill(Pid::from_raw(self.pid), signal).is_ok()
    }
}

/// Makes the server on `cluster`, if there is one, end its connections without ceremony and go.
/// Nothing that was committed is lost: the next start replays it.
pub(super) fn stop_immediately(cluster: &Path) {
    if let Some(server) = Postmaster::read(cluster) {
        server.signal(cluster, Some(Signal::SIGQUIT));
    }
}

/// Waits for the server of an earlier run to go, having told it to. One whose watchdog is about
/// to stop it takes no harm from being told twice. A `postmaster.pid` without a server is left to
/// PostgreSQL, which knows best.
pub(super) async fn end_old_server(cluster: &Path) -> Result<(), StartError> {
    let Some(server) = Postmaster::read(cluster) else {
        return Ok(());
    };
    for signal in [Signal::SIGINT, Signal::SIGQUIT] {
        if !server.signal(cluster, Some(signal)) {
            return Ok(());
        }
        tracing::info!(pid = server.pid, %signal, "stopping the PostgreSQL of an earlier run");
        let gone = async {
            while server.signal(cluster, None) {
                sleep(POLL).await;
            }
        };
        if timeout(OLD_SERVER_LIMIT, gone).await.is_ok() {
            return Ok(());
        }
    }
    Err(StartError::OldServer {
        pid: server.pid,
        folder: cluster.to_path_buf(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_server_wrote() {
        let text = "4711\n/d/cluster\n1700000000\n5432\n/d/socket\n\n 18 3\nready   \n";
        let server = Postmaster::parse(text).expect("complete");
        assert_eq!((server.pid, server.ready), (4711, true));
        assert_eq!(server.socket, Path::new("/d/socket"));

        let starting = text.replace("ready   ", "starting");
        assert!(!Postmaster::parse(&starting).expect("complete").ready);
        assert!(
            !Postmaster::parse("4711\n/d/cluster\n")
                .expect("has a number")
                .ready
        );
        assert!(Postmaster::parse("").is_none());
    }
}
