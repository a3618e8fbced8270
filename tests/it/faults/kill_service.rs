//! `kill -9` of the service under load.

use std::time::Duration;

use tokio::time::sleep;

use super::ledger;
use super::load::{Load, PAUSE};
use super::report::{Line, Size};
use super::server::Site;

pub(crate) async fn run(size: Size) -> Vec<Line> {
    let (kills, wanted) = size.pick((4, 60), (50, 25_000));
    let site = Site::start(&[]).await;
    let mut service = site.service(&site.url(), &[]);
    let organization = service.org("Propia").await;
    let load = Load::start(
        &service.address,
        &organization,
        size.pick(8, 16),
        size.pick(PAUSE, Duration::ZERO),
    );
    let mut killed = 0_u32;
    while killed < kills || load.acknowledged() < wanted {
        let spread = u64::from(killed % 10) * 41;
        sleep(Duration::from_millis(200 + spread)).await;
        service.process.kill();
        service.again(&site);
        killed += 1;
    }
    let record = load.end().await;
    let verdict = ledger::check(&site.superuser().await, &record).await;
    let runs = format!("{killed} × SIGKILL of the service");
    let wanted = usize::try_from(wanted).expect("few");
    verdict.lines("acknowledged writes survive", &runs, wanted)
}
