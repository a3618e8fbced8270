//! From a socket to a connection that speaks HTTP/2, each step in its time.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::answers::Answers;
use super::connection::{Connection, PREFACE, Socket};
use super::places::Place;
use super::seldom::Seldom;
use super::turn::Turn;
use super::{ListenerConfig, Tls};

/// What everybody who enters has to pass.
#[derive(Debug)]
pub(super) struct Entrance {
    handshake: Duration,
    first_bytes: Duration,
    keepalive: Duration,
    tls: Option<Arc<Tls>>,
    ready: mpsc::Sender<Connection>,
    answers: Arc<Answers>,
    turn: Arc<Turn>,
    refusals: Seldom,
}

/// Why somebody did not get in. Nothing of what the peer sent is in it.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the TLS handshake took too long")]
    SlowHandshake,
    #[error("the TLS handshake failed: {0}")]
    Handshake(io::Error),
    #[error("the first bytes took too long")]
    Silent,
    #[error("the first bytes are not those of HTTP/2")]
    NotHttp2,
    #[error("gone before the first bytes: {0}")]
    Gone(io::Error),
    #[error("nothing was said, and others needed the place")]
    Displaced,
}

impl Entrance {
    pub(super) fn new(config: &ListenerConfig, ready: mpsc::Sender<Connection>) -> Arc<Self> {
        Arc::new(Self {
            handshake: config.handshake,
            first_bytes: config.first_bytes,
            keepalive: config.keepalive,
            tls: config.tls.clone(),
            ready,
            answers: Arc::default(),
            turn: Arc::default(),
            refusals: Seldom::default(),
        })
    }

    /// Hands a connection to tonic, or closes the socket.
    pub(super) async fn enter(self: Arc<Self>, socket: TcpStream, place: Place) {
        let entered = tokio::select! {
            entered = self.agree(socket) => entered,
            () = place.left() => Err(Refused::Displaced),
        };
        match entered {
            Ok(socket) => {
                let connection = Connection::new(
                    socket,
                    place,
                    Arc::clone(&self.answers),
                    Arc::clone(&self.turn),
                );
                // Nobody takes it any more only when the service stops.
                let _ = self.ready.send(connection).await;
            }
            Err(refused) => {
                tracing::debug!(%refused, "connection closed");
                let is_worth_telling = !matches!(refused, Refused::Gone(_));
                if is_worth_telling && let Some(unsaid) = self.refusals.say() {
                    tracing::warn!(%refused, unsaid, "connection refused");
                }
            }
        }
    }

    async fn agree(&self, socket: TcpStream) -> Result<Socket, Refused> {
        // Best effort: a socket that takes no options is gone already.
        let _ = socket.set_nodelay(true);
        let keepalive = TcpKeepalive::new()
            .with_time(self.keepalive)
            .with_interval(self.keepalive);
        let _ = SockRef::from(&socket).set_tcp_keepalive(&keepalive);

        let mut socket = match &self.tls {
            None => Socket::Plain(socket),
            Some(tls) => {
                let agreed = timeout(self.handshake, tls.acceptor().accept(socket)).await;
                let agreed = agreed.map_err(|_| Refused::SlowHandshake)?;
                Socket::Tls(Box::new(agreed.map_err(Refused::Handshake)?))
            }
        };
        match timeout(self.first_bytes, preface(&mut socket)).await {
            Ok(read) => read.map(|()| socket),
            Err(_) => Err(Refused::Silent),
        }
    }
}

/// Reads the preface and not a byte more; the first wrong byte is the last.
async fn preface(socket: &mut (impl AsyncRead + Unpin)) -> Result<(), Refused> {
    let mut bytes = [0; PREFACE.len()];
    let mut read = 0;
    while read < PREFACE.len() {
        match socket.read(&mut bytes[read..]).await {
            Ok(0) => return Err(Refused::Gone(ErrorKind::UnexpectedEof.into())),
            Ok(more) => read += more,
            Err(error) => return Err(Refused::Gone(error)),
        }
        if !PREFACE.starts_with(&bytes[..read]) {
            return Err(Refused::NotHttp2);
        }
    }
    Ok(())
}
