//! What the service promises when something breaks, each promise put to the
//! test by the real fault: killed processes, a network that cuts and swallows,
//! a standby that is promoted, a full disk, more calls than there is room for.
//!
//! `cargo test` runs every scenario in its short form. The long forms print the
//! table `promise · runs · seen · limit`, the word `NOT` where one is not held:
//!
//! ```sh
//! cargo test --release --test it -- --ignored --nocapture long_form
//! ```
//!
//! `FAULTS=drain,outage` before it chooses among them.

mod cancel_storm;
mod commit;
mod controls;
mod cores;
mod disk_full;
mod drain;
mod kill_service;
mod ledger;
mod load;
mod outage;
mod overload;
mod promotion;
pub(crate) mod proxy;
pub(crate) mod report;
mod rows;
pub(crate) mod server;
mod stop_postgres;
mod tenants;
mod wire;

use report::{Line, Size};

use crate::abuse;
use crate::hostile::fuzz;
use crate::strangers::no_stranger_gets_in_to;

/// Asserts that every promise that any machine can keep is held.
#[track_caller]
fn assert_held(lines: &[Line]) {
    for line in lines {
        println!("{line}");
    }
    let broken: Vec<_> = lines
        .iter()
        .filter(|line| !line.held && !line.measured)
        .map(ToString::to_string)
        .collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_a_killed_service() {
    assert_held(&kill_service::run(Size::Short).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_a_crashed_postgresql() {
    assert_held(&stop_postgres::run(Size::Short).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checker_sees_what_a_postgresql_that_does_not_wait_loses() {
    assert_held(&stop_postgres::control(Size::Short).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_calls_leave_nothing_behind() {
    assert_held(&cancel_storm::run(Size::Short).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_told_in_time_and_passes() {
    assert_held(&outage::run(Size::Short).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_standby_is_found() {
    assert_held(&promotion::run(Size::Short).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_passes() {
    assert_held(&disk_full::run(Size::Short).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_lost_around_the_commit_is_told_truly() {
    assert_held(&commit::run(Size::Short).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_refused_in_form() {
    assert_held(&overload::run(Size::Short).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tenants_flood_is_its_own() {
    assert_held(&tenants::run(Size::Short).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_loses_no_call_in_flight() {
    assert_held(&drain::run(Size::Short).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_postgresql_has_its_row() {
    assert_held(&rows::run(Size::Short).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the long forms: a quarter of an hour; they print the table"]
async fn long_form() {
    let chosen = std::env::var("FAULTS").unwrap_or_default();
    let chosen = |name: &str| chosen.is_empty() || chosen.split(',').any(|one| one == name);
    let mut lines = Vec::new();
    // Each as soon as it is known.
    let mut note = |found: Vec<Line>| {
        for line in &found {
            println!("{line}");
        }
        lines.extend(found);
    };
    if chosen("rows") {
        note(rows::run(Size::Long).await);
    }
    if chosen("random") {
        note(vec![random().await]);
    }
    if chosen("strangers") {
        note(vec![strangers().await]);
    }
    if chosen("abuse") {
        note(abuse::at_length().await);
    }
    if chosen("commit") {
        note(commit::run(Size::Long).await);
    }
    if chosen("disk_full") {
        note(disk_full::run(Size::Long).await);
    }
    if chosen("outage") {
        note(outage::run(Size::Long).await);
    }
    if chosen("promotion") {
        note(promotion::run(Size::Long).await);
    }
    if chosen("cancel_storm") {
        note(cancel_storm::run(Size::Long).await);
    }
    if chosen("overload") {
        note(overload::run(Size::Long).await);
    }
    if chosen("tenants") {
        note(tenants::run(Size::Long).await);
    }
    if chosen("drain") {
        note(drain::run(Size::Long).await);
    }
    if chosen("kill_service") {
        note(kill_service::run(Size::Long).await);
    }
    if chosen("stop_postgres") {
        note(stop_postgres::run(Size::Long).await);
    }
    if chosen("control") {
        note(stop_postgres::control(Size::Long).await);
    }
    println!("{}", report::table(&lines));
    let broken: Vec<_> = lines.iter().filter(|line| !line.held).collect();
    assert!(broken.is_empty(), "{} not held", broken.len());
}

/// Requests at random, over a socket: 200 000 of them.
async fn random() -> Line {
    let sent = fuzz::run(52_000).await;
    let runs = sent.as_ref().map_or(0, |(sent, _)| *sent);
    let held = runs >= 200_000;
    let seen = match sent {
        Ok((_, fine)) => format!("0; taken: {fine:?} of creations, changes, lists, any method"),
        Err(failure) => failure,
    };
    let promise = "requests at random: panics, UNKNOWN, INTERNAL";
    Line::new(promise, runs, seen, "0", held)
}

/// Every method, called with every bad identity, in both modes.
async fn strangers() -> Line {
    // Asserts that nobody is let in and no row changes.
    let calls = no_stranger_gets_in_to(10).await;
    let promise = "strangers: every method × every bad identity × both modes";
    Line::new(promise, calls, "0 let in", "0 let in", true)
}
