//! The checker is able to fail.

use std::time::Duration;

use tokio::time::sleep;

use super::ledger;
use super::load::{Kind, Load, Outcome};
use crate::support::{App, nobody};

#[tokio::test(flavor = "multi_thread")]
async fn the_checker_sees_a_lost_and_a_doubled_write() {
    let app = App::start().await;
    let organization = app.org("Propia").await.id;
    let load = Load::start(&app.address.to_string(), &organization, 4, Duration::ZERO);
    while load.acknowledged() < 50 {
        sleep(Duration::from_millis(10)).await;
    }
    let mut record = load.end().await;
    let superuser = app.superuser().await;
    let fine = ledger::check(&superuser, &record).await;
    assert!(
        fine.lines("control", "none", 50)
            .iter()
            .all(|line| line.held)
    );

    let created = record
        .writes
        .iter()
        .find(|write| write.kind == Kind::Create);
    let created = created.expect("many").clone();
    let mut forged = created.clone();
    forged.marker = nobody();
    record.writes.push(forged);
    let double = format!(
        "INSERT INTO clients (id, organization_id, name, status)
         VALUES ('{}', '{organization}', '{}', 'PROSPECT')",
        nobody(),
        created.marker
    );
    superuser.batch_execute(&double).await.expect("inserted");
    let mut refused = record
        .writes
        .iter()
        .find(|write| write.kind == Kind::Update);
    let mut refused = refused.take().expect("many").clone();
    refused.outcome = Outcome::Refused("forged".to_owned());
    record.writes.push(refused);
    let seen = ledger::check(&superuser, &record).await;
    assert_eq!(seen.lost.len(), 1, "{:?}", seen.lost);
    assert_eq!(seen.doubled.len(), 1, "{:?}", seen.doubled);
    assert_eq!(seen.undead.len(), 1, "{:?}", seen.undead);
    assert_eq!(seen.torn.len(), 1, "{:?}", seen.torn);
}
