//! Frames by the thousand on one connection after the other.

use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;

use super::frames::{
    CALM_DOWN, CONTINUATION, DATA, END_HEADERS, HEADERS, PING, PROTOCOL_ERROR, Peer, RESET,
    SETTINGS, WINDOW, call, frame, goaway, header,
};
use super::stand::{Outcome, Stand};

const LIMIT: Duration = Duration::from_mins(1);
/// Frames that are written at once.
const BATCH: usize = 200;

/// A flood: what it says first, what again and again, and how it is ended.
pub(super) struct Flood {
    name: &'static str,
    first: fn() -> Vec<u8>,
    again: fn(u32) -> Vec<u8>,
    /// The GOAWAY that is to end it; without one it is only to be borne.
    ended_by: Option<u32>,
}

const CREATE: &str = "nvito.clients.v1.ClientService/CreateClient";

pub(super) const ALL: [Flood; 8] = [
    Flood {
        name: "rapid reset",
        first: Vec::new,
        again: |number| {
            let stream = 2 * number + 1;
            let begin = frame(HEADERS, END_HEADERS, stream, &call(CREATE, &[]));
            [begin, frame(RESET, 0, stream, &8_u32.to_be_bytes())].concat()
        },
        ended_by: Some(CALM_DOWN),
    },
    Flood {
        name: "CONTINUATION of nothing",
        first: || frame(HEADERS, 0, 1, &call(CREATE, &[])),
        again: |_| frame(CONTINUATION, 0, 1, &[]),
        ended_by: Some(CALM_DOWN),
    },
    Flood {
        name: "CONTINUATION of headers",
        first: || frame(HEADERS, 0, 1, &call(CREATE, &[])),
        again: |_| frame(CONTINUATION, 0, 1, &header("x-a", &"a".repeat(1000))),
        ended_by: Some(CALM_DOWN),
    },
    Flood {
        name: "empty DATA",
        first: || frame(HEADERS, END_HEADERS, 1, &call(CREATE, &[])),
        again: |_| frame(DATA, 0, 1, &[]),
        ended_by: Some(CALM_DOWN),
    },
    Flood {
        name: "PING",
        first: Vec::new,
        again: |_| frame(PING, 0, 0, b"01234567"),
        ended_by: None,
    },
    Flood {
        name: "SETTINGS",
        first: Vec::new,
        again: |_| frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]),
        ended_by: None,
    },
    Flood {
        name: "WINDOW_UPDATE by zero",
        first: Vec::new,
        again: |_| frame(WINDOW, 0, 0, &[0; 4]),
        ended_by: Some(PROTOCOL_ERROR),
    },
    Flood {
        name: "half a head",
        first: Vec::new,
        again: |_| vec![0xff; 5],
        ended_by: Some(6),
    },
];

impl Flood {
    /// Says it so many times, on as many connections as that takes.
    pub(super) async fn on(&self, stand: &Stand, size: usize) -> Outcome {
        let address = stand.address();
        let (first, again, expected) = (self.first, self.again, self.ended_by);
        let flood = move || {
            let (mut said, began) = (0, Instant::now());
            let mut ends = Vec::new();
            while said < size && began.elapsed() < LIMIT {
                let Ok(mut peer) = Peer::greet(address, &[]) else {
                    break;
                };
                let mut goes_on = peer.say(&first());
                let mut number = 0;
                while goes_on && said < size {
                    let batch = (0..BATCH).flat_map(|_| {
                        number += 1;
                        again(number)
                    });
                    goes_on = peer.say(&batch.collect::<Vec<_>>());
                    said += BATCH;
                }
                ends.push(goaway(&peer.ends()));
            }
            if let Some(expected) = expected {
                // A close may overtake the word before it.
                let ended = ends.contains(&Some(expected));
                assert!(ended, "ended by {ends:?}");
            }
            said
        };
        let flood = async { spawn_blocking(flood).await.expect(self.name) };
        stand.during(self.name, flood).await
    }
}
