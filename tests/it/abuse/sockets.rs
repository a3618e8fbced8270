//! Connections that are there, and little more.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use tokio::task::spawn_blocking;

use super::frames::{HEADERS, PREFACE, SETTINGS, call, frame};
use super::stand::{Outcome, Stand};

/// How long they stay after the last has come.
const STAY: Duration = Duration::from_secs(3);

/// A connection from one of many addresses, so that ports do not run out.
fn connect(number: usize, to: SocketAddr) -> Option<TcpStream> {
    let from = Ipv4Addr::new(127, 0, 1, u8::try_from(number % 100).expect("small"));
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket
        .bind(&SocketAddr::from((from, 0)).into())
        .expect("ours");
    // When the kernel's queue is full it may take seconds: so be it.
    let connected = socket.connect_timeout(&to.into(), Duration::from_secs(10));
    connected.is_ok().then(|| socket.into())
}

fn connections(number: usize, to: SocketAddr, said: &[u8]) -> Vec<TcpStream> {
    let all = (0..number).filter_map(|number| connect(number, to));
    all.filter_map(|mut socket| socket.write_all(said).is_ok().then_some(socket))
        .collect()
}

async fn staying(stand: &Stand, name: &'static str, number: usize, said: Vec<u8>) -> Outcome {
    let to = stand.address();
    let attack = move || {
        let open = connections(number, to, &said);
        sleep(STAY);
        open.len()
    };
    let attack = async { spawn_blocking(attack).await.expect("no panic") };
    stand.during(name, attack).await
}

/// Sockets that say nothing.
pub(super) async fn silent(stand: &Stand, number: usize) -> Outcome {
    staying(stand, "silent sockets", number, Vec::new()).await
}

/// Sockets that say hello and no more.
pub(super) async fn greeting(stand: &Stand, number: usize) -> Outcome {
    let hello = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    staying(stand, "sockets that only say hello", number, hello).await
}

/// Says the rest byte by byte, on each, until all are closed or time is over;
/// answers how many were closed.
fn trickle(mut sockets: Vec<TcpStream>, rest: &[u8], limit: Duration) -> usize {
    let (number, began) = (sockets.len(), Instant::now());
    let pause = limit / u32::try_from(rest.len()).expect("short");
    for byte in rest {
        sockets.retain_mut(|socket| socket.write_all(&[*byte]).is_ok());
        if sockets.is_empty() || began.elapsed() > limit {
            break;
        }
        sleep(pause);
    }
    number - sockets.len()
}

async fn trickling(
    stand: &Stand,
    name: &'static str,
    number: usize,
    (said, rest): (Vec<u8>, Vec<u8>),
    limit: Duration,
) -> Outcome {
    let to = stand.address();
    let attack = move || {
        let closed = trickle(connections(number, to, &said), &rest, limit);
        assert_eq!(closed, number, "all have to be put out");
        closed
    };
    let attack = async { spawn_blocking(attack).await.expect("no panic") };
    stand.during(name, attack).await
}

/// The preface, byte by byte.
pub(super) async fn slow_preface(stand: &Stand, number: usize, limit: Duration) -> Outcome {
    let bytes = (Vec::new(), PREFACE.to_vec());
    trickling(stand, "a preface byte by byte", number, bytes, limit).await
}

/// Headers, byte by byte.
pub(super) async fn slow_headers(stand: &Stand, number: usize, limit: Duration) -> Outcome {
    let hello = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    let headers = frame(
        HEADERS,
        4,
        1,
        &call("nvito.clients.v1.ClientService/GetClient", &[]),
    );
    trickling(
        stand,
        "headers byte by byte",
        number,
        (hello, headers),
        limit,
    )
    .await
}
