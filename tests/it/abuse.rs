//! Peers that mean harm. Meanwhile and afterwards those who mean well are
//! answered, memory stays within bounds and descriptors come back.
//!
//! Each scenario is a function of its size: the tests take small ones, the long
//! forms (`faults.rs`) big ones.

mod calls;
mod floods;
mod frames;
mod sockets;
mod stand;

use std::time::Duration;

use stand::Stand;

use crate::faults::report::Line;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_frames() {
    let stand = Stand::start().await;
    for flood in floods::ALL {
        flood.on(&stand, 40_000).await.holds();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_that_say_nothing() {
    let stand = Stand::start().await;
    sockets::silent(&stand, 1_000).await.holds();
    sockets::greeting(&stand, 1_000).await.holds();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_trickle() {
    let stand = Stand::start().await;
    let limit = Duration::from_secs(7);
    sockets::slow_preface(&stand, 100, limit).await.holds();
    // Each is answered.
    let slow = calls::slow_body(&stand, 100, Some(1)).await;
    assert_eq!(slow.runs, 100);
    slow.holds();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_too_big() {
    let stand = Stand::start().await;
    calls::gzip_bomb(&stand, 100).await.holds();
    calls::big_headers(&stand, 100).await.holds();
    for threads in ["1", "3"] {
        let stand = Stand::with_threads(threads).await;
        calls::unread_answers(&stand, 60).await.holds();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_connections_than_descriptors() {
    let stand = Stand::with_descriptors(128).await;
    sockets::silent(&stand, 500).await.holds();
    sockets::greeting(&stand, 500).await.holds();
}

/// All of them in big sizes, for the table of long forms.
pub(crate) async fn at_length() -> Vec<Line> {
    let stand = Stand::start().await;
    let minute = Duration::from_mins(1);
    let mut outcomes = Vec::new();
    for flood in floods::ALL {
        outcomes.push(flood.on(&stand, 400_000).await);
    }
    outcomes.push(sockets::silent(&stand, 10_000).await);
    outcomes.push(sockets::greeting(&stand, 10_000).await);
    outcomes.push(sockets::slow_preface(&stand, 400, minute).await);
    outcomes.push(sockets::slow_headers(&stand, 400, minute).await);
    outcomes.push(calls::slow_body(&stand, 400, None).await);
    outcomes.push(calls::gzip_bomb(&stand, 5_000).await);
    outcomes.push(calls::big_headers(&stand, 5_000).await);
    outcomes.push(calls::unread_answers(&stand, 500).await);
    let few = Stand::with_descriptors(128).await;
    let silent = sockets::silent(&few, 500).await;
    outcomes.push(silent.called("silent sockets, 128 descriptors"));
    let greeting = sockets::greeting(&few, 500).await;
    outcomes.push(greeting.called("sockets that only say hello, 128 descriptors"));
    outcomes.iter().map(stand::Outcome::line).collect()
}
