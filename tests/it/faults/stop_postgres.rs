//! `pg_ctl stop -m immediate` of PostgreSQL under load, and what the checker
//! sees where PostgreSQL acknowledges before it has written.

use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::sleep;

use super::ledger;
use super::load::{Load, PAUSE};
use super::report::{Line, Size};
use super::server::Site;

pub(crate) async fn run(size: Size) -> Vec<Line> {
    let (stops, wanted) = size.pick((3, 60), (50, 25_000));
    let mut site = Site::start(&[]).await;
    let service = site.service(&site.url(), &[]);
    let organization = service.org("Propia").await;
    let load = Load::start(
        &service.address,
        &organization,
        size.pick(8, 16),
        size.pick(PAUSE, Duration::ZERO),
    );
    let mut stopped = 0_u32;
    while stopped < stops || load.acknowledged() < wanted {
        let spread = u64::from(stopped % 10) * 41;
        sleep(Duration::from_millis(300 + spread)).await;
        site.crash(Signal::SIGQUIT).await;
        site.up().await;
        stopped += 1;
    }
    let record = load.end().await;
    let verdict = ledger::check(&site.superuser().await, &record).await;
    let runs = format!("{stopped} × stop -m immediate");
    let wanted = usize::try_from(wanted).expect("few");
    verdict.lines("acknowledged writes survive", &runs, wanted)
}

/// With `synchronous_commit = off`: the last acknowledged writes are in memory
/// only, and gone.
pub(crate) async fn control(size: Size) -> Vec<Line> {
    let (least, most) = (size.pick(2, 5), 10);
    let (mut lost, mut rounds) = (0, 0);
    // A crash may come when all has just been written: then another must show it.
    while rounds < least || lost == 0 && rounds < most {
        rounds += 1;
        let mut site = Site::start(&[
            ("synchronous_commit", "off"),
            ("wal_writer_delay", "10s"),
            ("wal_writer_flush_after", "0"),
        ])
        .await;
        let service = site.service(&site.url(), &[]);
        let organization = service.org("Propia").await;
        let load = Load::start(&service.address, &organization, 8, Duration::ZERO);
        while load.acknowledged() < 100 {
            sleep(Duration::from_millis(20)).await;
        }
        site.crash(Signal::SIGQUIT).await;
        site.up().await;
        let record = load.end().await;
        let verdict = ledger::check(&site.superuser().await, &record).await;
        lost += verdict.lost.len();
    }
    let promise = "control: synchronous_commit = off is seen to lose writes";
    let runs = format!("{rounds} × stop -m immediate");
    vec![Line::new(
        promise,
        runs,
        format!("{lost} lost"),
        "≥ 1",
        lost > 0,
    )]
}
