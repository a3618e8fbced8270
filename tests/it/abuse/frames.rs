//! HTTP/2 by hand.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RESET: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// Codes of GOAWAY.
pub(super) const PROTOCOL_ERROR: u32 = 1;
pub(super) const CALM_DOWN: u32 = 11;

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let head = [length[1], length[2], length[3], kind, flags];
    [&head[..], &stream.to_be_bytes(), payload].concat()
}

/// A header that no table remembers.
pub(super) fn header(name: &str, value: &str) -> Vec<u8> {
    fn text(text: &str, to: &mut Vec<u8>) {
        let mut length = text.len();
        if length < 127 {
            to.push(u8::try_from(length).expect("short"));
        } else {
            to.push(127);
            length -= 127;
            while length >= 128 {
                to.push(u8::try_from(length % 128).expect("short") | 128);
                length /= 128;
            }
            to.push(u8::try_from(length).expect("short"));
        }
        to.extend(text.as_bytes());
    }
    let mut block = vec![0];
    text(name, &mut block);
    text(value, &mut block);
    block
}

/// The headers of a call by a Platform Admin.
pub(super) fn call(method: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let path = format!("/{method}");
    let all = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", &path),
        (":authority", "127.0.0.1"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("x-user-id", "0192f0c1-0001-7000-8000-0000000a0001"),
        ("x-role", "PLATFORM_ADMIN"),
        ("x-organization-id", "0192f0c1-0000-7000-8000-00000000000a"),
    ];
    let headers = all.iter().chain(more);
    headers
        .flat_map(|(name, value)| header(name, value))
        .collect()
}

/// A message in its gRPC frame.
pub(super) fn message(flag: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("short");
    [&[flag], &length.to_be_bytes()[..], bytes].concat()
}

/// A connection that has said hello, and hears what it is told.
pub(super) struct Peer {
    pub(super) socket: TcpStream,
    heard: Arc<Mutex<Vec<u8>>>,
    hearing: JoinHandle<()>,
}

impl Peer {
    pub(super) fn greet(address: SocketAddr, settings: &[u8]) -> io::Result<Self> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_write_timeout(Some(Duration::from_secs(5)))?;
        socket.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut ear = socket.try_clone()?;
        let heard = Arc::<Mutex<Vec<u8>>>::default();
        let all = Arc::clone(&heard);
        let hearing = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(more @ 1..) = ear.read(&mut buffer) {
                let mut all = all.lock().expect("no panic");
                // The beginning and the end are enough.
                if all.len() > 1 << 20 {
                    all.truncate(1 << 16);
                }
                all.extend_from_slice(&buffer[..more]);
            }
        });
        socket.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, settings)].concat())?;
        Ok(Self {
            socket,
            heard,
            hearing,
        })
    }

    /// Says it, unless the connection has been closed.
    pub(super) fn say(&mut self, bytes: &[u8]) -> bool {
        match self.socket.write_all(bytes) {
            Ok(()) => true,
            Err(error) => {
                assert_ne!(error.kind(), ErrorKind::InvalidInput, "{error}");
                false
            }
        }
    }

    /// Waits until it has heard what it waits for, or for long enough.
    pub(super) fn waits(&self, is_it: impl Fn(&[u8]) -> bool) {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(5) && !self.hearing.is_finished() {
            if is_it(&self.heard.lock().expect("no panic")) {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Goes without a word.
    pub(super) fn leaves(&self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Everything heard until the other side closes, after the last word.
    pub(super) fn ends(self) -> Vec<u8> {
        let _ = self.socket.shutdown(Shutdown::Write);
        self.hearing.join().expect("no panic");
        std::mem::take(&mut *self.heard.lock().expect("no panic"))
    }
}

/// The payloads of frames of a kind.
pub(super) fn find(mut heard: &[u8], wanted: u8) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let [high, middle, low, kind, _, _, _, _, _, rest @ ..] = heard {
        let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
        let (payload, next) = rest.split_at(length.min(rest.len()));
        if *kind == wanted {
            found.push(payload.to_vec());
        }
        heard = next;
    }
    found
}

/// The code of the last GOAWAY.
pub(super) fn goaway(heard: &[u8]) -> Option<u32> {
    let last = find(heard, GOAWAY).pop()?;
    Some(u32::from_be_bytes(last.get(4..8)?.try_into().ok()?))
}
