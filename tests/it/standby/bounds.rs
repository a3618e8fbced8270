//! How old an answer of a standby is: never older than its caller allows.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{LONG, Stand, get, rename};
use crate::support::until;

#[tokio::test]
async fn a_paused_standby_is_left_when_its_bound_is_exceeded() {
    let stand = Stand::start().await;
    let made = stand.client("Ana").await;
    stand.pause(true).await;
    let renamed = Instant::now();
    rename(&stand.strict(), &made.id, "Eva").await;

    // Whoever allows much is shown the old name, and how old it may be.
    let (told, seen) = get(&stand.lax(LONG), &made.id).await.expect("there");
    assert!(told.by_standby(), "{told:?}");
    assert_eq!(seen.name, "Ana");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let (told, seen) = get(&stand.lax(LONG), &made.id).await.expect("there");
    assert_eq!(seen.name, "Ana");
    assert!(
        told.staleness > Some(renamed.elapsed().mul_f64(0.6)),
        "{told:?}"
    );
    let gauge = format!(
        r#"nvito_clients_standby_staleness_seconds{{standby="{}"}} "#,
        stand.standby.socket().display()
    );
    assert!(stand.counted(&gauge) > 1.0);
    // Whoever allows a second, is not.
    let (told, seen) = get(&stand.lax("1s"), &made.id).await.expect("there");
    assert!(told.by_primary(), "{told:?}");
    assert_eq!(seen.name, "Eva");

    stand.pause(false).await;
    until(async || {
        let (told, seen) = get(&stand.lax("1s"), &made.id).await.expect("there");
        assert_eq!(seen.name, "Eva");
        told.by_standby()
    })
    .await;
    assert!(stand.counted(&gauge) < 5.0);
}

/// A writer, a reader, and a standby that stops and goes on again.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_older_than_allowed_is_ever_answered() {
    const ALLOWED: Duration = Duration::from_millis(600);
    let stand = Stand::start().await;
    let made = stand.client("0").await;
    // What had been acknowledged when.
    let acknowledged = Arc::new(Mutex::new(vec![(Instant::now(), 0)]));
    let (strict, id, written) = (stand.strict(), made.id.clone(), acknowledged.clone());
    let writing = tokio::spawn(async move {
        for number in 1.. {
            rename(&strict, &id, &number.to_string()).await;
            let now = (Instant::now(), number);
            written.lock().expect("whole").push(now);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let (lax, began) = (stand.lax("0.6s"), Instant::now());
    let (mut by_standby, mut by_primary, mut paused) = (0, 0, false);
    let mut turned = Instant::now();
    while began.elapsed() < Duration::from_secs(9) {
        let asked = Instant::now();
        let (told, seen) = get(&lax, &made.id).await.expect("there");
        let acknowledged = acknowledged.lock().expect("whole").clone();
        let due = acknowledged
            .iter()
            .rev()
            .find(|(at, _)| *at + ALLOWED <= asked);
        let seen: i32 = seen.name.parse().expect("a number");
        if let Some((at, due)) = due {
            assert!(
                seen >= *due,
                "{seen} is older than {due}, {:?}, {told:?}",
                asked - *at
            );
        }
        if told.by_standby() {
            by_standby += 1;
            assert!(told.staleness <= Some(ALLOWED), "{told:?}");
        } else {
            by_primary += 1;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        if turned.elapsed() > Duration::from_millis(1200) {
            (turned, paused) = (Instant::now(), !paused);
            stand.pause(paused).await;
        }
    }
    writing.abort();
    assert!(
        by_standby > 50 && by_primary > 50,
        "{by_standby} and {by_primary}"
    );
}

/// Nothing is written, or nothing that anybody waits for: a clock of the last
/// transaction would stand still, and so would the place of the log.
#[tokio::test]
async fn an_idle_primary_has_no_old_standby() {
    let stand = Stand::start().await;
    let made = stand.client("Ana").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (told, _) = get(&stand.lax("2s"), &made.id).await.expect("there");
    assert!(told.by_standby(), "{told:?}");

    // Stays in the primary's memory while its transaction is open.
    let unflushed = "BEGIN; SELECT pg_logical_emit_message(false, 'it', 'x')";
    let primary = stand.primary.superuser().await;
    primary.batch_execute(unflushed).await.expect("said");
    tokio::time::sleep(Duration::from_secs(4)).await;
    let (told, _) = get(&stand.lax("2s"), &made.id).await.expect("there");
    assert!(told.by_standby(), "{told:?}");
}
