//! The door: who gets in, how fast they have to be, and what happens when there
//! is no room.

mod descriptors;
mod mistakes;
mod reload;
mod timers;
mod tls;

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use nvito_clients::config::ServerConfig;
use nvito_clients::listener::ListenerConfig;

use crate::support::{App, Cluster};

/// A service that listens as `listener` says.
async fn app(listener: ListenerConfig) -> App {
    let config = ServerConfig {
        listener,
        ..ServerConfig::default()
    };
    App::configured(Cluster::get().database().await, config).await
}

/// How long the service keeps a connection on which these bytes are said.
async fn kept(address: SocketAddr, said: &'static [u8], limit: Duration) -> Option<Duration> {
    let waiting = move || {
        let mut socket = TcpStream::connect(address).expect("it accepts");
        std::io::Write::write_all(&mut socket, said).expect("written");
        socket.set_read_timeout(Some(limit)).expect("a limit");
        let began = Instant::now();
        let mut answer = [0; 1024];
        loop {
            match socket.read(&mut answer) {
                Ok(0) => return Some(began.elapsed()),
                Ok(_) if began.elapsed() < limit => {}
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                    return Some(began.elapsed());
                }
                _ => return None,
            }
        }
    };
    tokio::task::spawn_blocking(waiting)
        .await
        .expect("no panic")
}
