//! The door: sockets in, connections that speak HTTP/2 out.
//!
//! tonic's own accept loop has no bound, waits for ever on a peer that says
//! nothing, and spins when descriptors run out. Here a peer has a [`places::Place`]
//! before anything is done for it, and reaches tonic only once TLS is agreed
//! and the HTTP/2 preface is read, both within their time. A stranger can cost
//! no more than a socket and a small task for a few seconds.

mod accept;
mod answers;
mod connection;
mod enter;
mod frames;
mod http2;
mod names;
mod places;
mod seldom;
mod tls;
mod tls_files;
mod turn;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::Stream;

pub use answers::{AnswerLayer, AnswerService};
pub use connection::{Caller, Connection};
pub use http2::server;
pub use names::Names;
use places::Places;
pub use tls::Tls;
pub use tls_files::{Allowed, TlsFiles};

/// How to listen.
#[derive(Debug, Clone)]
pub struct ListenerConfig {
    /// Most connections at once, those that have asked nothing yet included.
    pub connections: usize,
    /// Descriptors that connections must leave for everything else.
    pub kept_descriptors: usize,
    /// What a TLS handshake may take.
    pub handshake: Duration,
    /// What the first bytes, the HTTP/2 preface, may take.
    pub first_bytes: Duration,
    /// How long a connection may be silent before it is asked whether it lives.
    pub keepalive: Duration,
    /// How long it may take to answer that.
    pub keepalive_answer: Duration,
    /// When a client is asked to connect anew; the calls on the old connection
    /// end as they would. Otherwise no client finds an instance that is new.
    /// `None`: never.
    pub age: Option<Duration>,
    /// How long a connection must have been idle to give way when all places
    /// are taken: longer than any call, so that none is cut.
    pub idle: Duration,
    /// Certificate, key and who may call; without it the connections are plain.
    pub tls: Option<Arc<Tls>>,
}

impl Default for ListenerConfig {
    /// As nothing set.
    fn default() -> Self {
        Self {
            connections: 512,
            kept_descriptors: 64,
            handshake: Duration::from_secs(5),
            first_bytes: Duration::from_secs(5),
            keepalive: Duration::from_secs(30),
            keepalive_answer: Duration::from_secs(10),
            age: Some(Duration::from_mins(30)),
            idle: Duration::from_secs(30),
            tls: None,
        }
    }
}

/// Connections that are ready for tonic. Dropping it closes the listener at
/// once, and whoever has not yet said hello goes with it.
#[derive(Debug)]
pub struct Incoming {
    ready: mpsc::Receiver<Connection>,
    accepting: JoinHandle<()>,
}

/// Connections that wait for tonic to take them; it takes them at once.
const READY: usize = 16;

impl Incoming {
    /// Begins to accept.
    pub fn new(listener: TcpListener, config: &ListenerConfig) -> Self {
        if let Some(tls) = &config.tls {
            tls.remark();
        }
        let places = Places::new(affordable(config), config.idle);
        let (sender, ready) = mpsc::channel(READY);
        let entrance = enter::Entrance::new(config, sender);
        Self {
            ready,
            accepting: tokio::spawn(accept::accept(listener, places, entrance)),
        }
    }
}

impl Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.ready.poll_recv(cx).map(|ready| ready.map(Ok))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The bound on connections that the descriptors of this process allow: one
/// that could take the last of them would cut the service from its database.
fn affordable(config: &ListenerConfig) -> usize {
    use nix::sys::resource::{Resource, getrlimit};
    let descriptors = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
    let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
    let most = descriptors
        .saturating_sub(config.kept_descriptors)
        .clamp(1, config.connections.max(1));
    if most < config.connections {
        tracing::warn!(
            descriptors,
            asked = config.connections,
            connections = most,
            "fewer connections than configured: the process may not open more files"
        );
    }
    most
}
