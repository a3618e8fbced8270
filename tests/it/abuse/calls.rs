//! Calls that cost more than they say.

use std::process::Command;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::frames::{
    DATA, END_HEADERS, END_STREAM, HEADERS, Peer, RESET, call, find, frame, header, message,
};
use super::stand::{Outcome, Stand};

const CREATE: &str = "nvito.clients.v1.ClientService/CreateClient";
const REFLECT: &str = "grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
/// Calls on one connection.
const STREAMS: usize = 50;

/// Bodies that come byte by byte, on connections with many of them: each call
/// ends at its deadline, that of the caller in seconds or the service's own.
/// `runs` is how many were answered: those of a connection that goes on with
/// many refused calls are not, h2 ends it.
pub(super) async fn slow_body(stand: &Stand, number: usize, seconds: Option<u32>) -> Outcome {
    let address = stand.address();
    let attack = move || {
        let timeout = seconds.map(|seconds| format!("{seconds}S"));
        let timeout: Vec<_> = timeout
            .iter()
            .map(|t| ("grpc-timeout", t.as_str()))
            .collect();
        let mut peers = Vec::new();
        for _ in 0..number.div_ceil(STREAMS) {
            let mut peer = Peer::greet(address, &[]).expect("it accepts");
            for stream in 0..STREAMS {
                let stream = u32::try_from(2 * stream + 1).expect("small");
                let begin = frame(HEADERS, END_HEADERS, stream, &call(CREATE, &timeout));
                assert!(peer.say(&begin));
                assert!(peer.say(&frame(DATA, 0, stream, &[0, 0, 0, 255, 0])));
            }
            peers.push(peer);
        }
        for _ in 0..(seconds.unwrap_or(15) + 1) * 5 {
            for peer in &mut peers {
                for stream in 0..STREAMS {
                    let stream = u32::try_from(2 * stream + 1).expect("small");
                    peer.say(&frame(DATA, 0, stream, b"\x0a"));
                }
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        let mut ended = 0;
        for peer in peers {
            let heard = peer.ends();
            ended += find(&heard, HEADERS).len();
            assert!(find(&heard, DATA).is_empty());
        }
        ended
    };
    let attack = async { spawn_blocking(attack).await.expect("no panic") };
    stand.during("bodies byte by byte", attack).await
}

/// Says whole calls, each alone on its connection, and answers what was heard.
async fn one_by_one(
    stand: &Stand,
    name: &'static str,
    number: usize,
    bytes: Vec<u8>,
    is_refused: fn(&[u8]) -> bool,
) -> Outcome {
    let address = stand.address();
    let attack = move || {
        for _ in 0..number {
            let mut peer = Peer::greet(address, &[]).expect("it accepts");
            peer.say(&bytes);
            peer.waits(is_refused);
            let heard = peer.ends();
            assert!(is_refused(&heard), "{}", heard.escape_ascii());
        }
        number
    };
    let attack = async { spawn_blocking(attack).await.expect("no panic") };
    stand.during(name, attack).await
}

/// Sixty megabytes in sixty kilobytes.
pub(super) async fn gzip_bomb(stand: &Stand, number: usize) -> Outcome {
    let bomb = Command::new("sh")
        .args(["-c", "head -c 60000000 /dev/zero | gzip -9"])
        .output()
        .expect("gzip");
    assert!((10_000..64 * 1024).contains(&bomb.stdout.len()));
    let bomb = message(1, &bomb.stdout);
    let mut bytes = frame(
        HEADERS,
        END_HEADERS,
        1,
        &call(CREATE, &[("grpc-encoding", "gzip")]),
    );
    for part in bomb.chunks(16_384) {
        bytes.extend(frame(DATA, 0, 1, part));
    }
    bytes.extend(frame(DATA, END_STREAM, 1, &[]));
    // UNIMPLEMENTED, without a look into it.
    let is_refused = |heard: &[u8]| find(heard, HEADERS).len() == 1;
    one_by_one(stand, "gzip bombs", number, bytes, is_refused).await
}

/// Headers of more than 16 KiB.
pub(super) async fn big_headers(stand: &Stand, number: usize) -> Outcome {
    let mut block = call(CREATE, &[]);
    for _ in 0..15 {
        block.extend(header("x-a", &"a".repeat(1000)));
    }
    let begin = frame(HEADERS, 0, 1, &block);
    let rest = header("x-a", &"a".repeat(4000));
    let bytes = [begin, frame(9, END_HEADERS, 1, &rest)].concat();
    let is_refused = |heard: &[u8]| {
        let answered = find(heard, HEADERS).len() + find(heard, RESET).len();
        answered > 0 && find(heard, DATA).is_empty()
    };
    one_by_one(stand, "headers of 19 KiB", number, bytes, is_refused).await
}

/// Answers that nobody reads: a window of nothing, for ever, and a question that
/// anybody may ask, with the longest answer there is.
pub(super) async fn unread_answers(stand: &Stand, number: usize) -> Outcome {
    let address = stand.address();
    let attack = move || {
        let symbol = b"nvito.clients.v1.ClientService";
        let question = [&[0x22, 30][..], symbol].concat();
        let mut peers = Vec::new();
        for _ in 0..number {
            let mut peer = Peer::greet(address, &[0, 4, 0, 0, 0, 0]).expect("it accepts");
            for stream in 0..STREAMS {
                let stream = u32::try_from(2 * stream + 1).expect("small");
                let begin = frame(HEADERS, END_HEADERS, stream, &call(REFLECT, &[]));
                let end = frame(DATA, END_STREAM, stream, &message(0, &question));
                peer.say(&[begin, end].concat());
            }
            peers.push(peer);
        }
        std::thread::sleep(Duration::from_secs(2));
        peers.iter().for_each(Peer::leaves);
        peers.len()
    };
    let attack = async { spawn_blocking(attack).await.expect("no panic") };
    stand.during("answers that nobody reads", attack).await
}
