//! The scratch schemas: random rows for the scripts, and plain tables.

use nvito_clients::domain::search::Search;
use nvito_clients::error::Cause;
use nvito_clients::seed::{Dice, Size, term};
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::super::ask::Rows;
use super::script::{COPIES, NAMES};

/// Random rows at most; the caller's are as many as there are clients.
const MOST: u32 = 200_000;

/// Makes the schemas `plain` and `load` where they are not yet. Answers how
/// many blocks of picks there are, of [`COPIES`] rows each.
pub(crate) async fn prepare(superuser: &mut Client, rows: Rows) -> Result<u32, Cause> {
    let row = superuser
        .query_one("SELECT to_regclass('plain.clients') IS NOT NULL", &[])
        .await?;
    if !row.get::<_, bool>(0) {
        superuser.batch_execute(include_str!("plain.sql")).await?;
        // Not in a transaction, which the file is.
        for table in ["organizations", "users", "clients", "events"] {
            superuser
                .batch_execute(&format!("VACUUM (ANALYZE) plain.{table}"))
                .await?;
        }
    }
    picks(superuser, rows).await
}

async fn picks(superuser: &mut Client, rows: Rows) -> Result<u32, Cause> {
    let columns = NAMES
        .map(|name| format!("{name} text[] NOT NULL"))
        .join(", ");
    superuser
        .batch_execute(&format!(
            "DROP SCHEMA IF EXISTS load CASCADE;
             CREATE SCHEMA load;
             GRANT USAGE ON SCHEMA load TO nvito_clients;
             CREATE TABLE load.picks (block integer PRIMARY KEY, {columns});
             GRANT SELECT ON load.picks TO nvito_clients"
        ))
        .await?;
    let values: Vec<String> = (1..=NAMES.len() + 1).map(|n| format!("${n}")).collect();
    let insert = format!("INSERT INTO load.picks VALUES ({})", values.join(", "));
    let transaction = superuser.transaction().await?;
    let insert = transaction.prepare(&insert).await?;
    let blocks = (rows.size.clients.min(MOST) / COPIES).max(1);
    // Of its own: the same rows for every run.
    let mut dice = Dice::seeded(1);
    for block in 1..=blocks {
        let mut lists: [Vec<String>; NAMES.len()] = Default::default();
        for _ in 0..COPIES {
            for (list, value) in lists.iter_mut().zip(pick(rows, &mut dice)) {
                list.push(value);
            }
        }
        let block = i32::try_from(block)?;
        let lists = lists.iter().map(|list| list as &(dyn ToSql + Sync));
        let values: Vec<_> = std::iter::once(&block as &(dyn ToSql + Sync))
            .chain(lists)
            .collect();
        transaction.execute(&insert, &values).await?;
    }
    transaction.commit().await?;
    superuser
        .batch_execute("VACUUM (ANALYZE) load.picks")
        .await?;
    Ok(blocks)
}

/// One random row, in the order of [`NAMES`].
fn pick(rows: Rows, dice: &mut Dice) -> [String; NAMES.len()] {
    const STATUSES: [&str; 4] = ["PROSPECT", "ACTIVE", "COMPLETED", "INACTIVE"];
    let Rows { size, .. } = rows;
    let (organization, index) = rows.client(dice);
    let (client, _) = size.client(index);
    let member = |dice: &mut Dice| size.member_id(organization, dice.roll()).to_string();
    let assigned = client.fields.assigned_to.map(|user| user.to_string());
    let team: Vec<String> = (0..6).map(|_| member(dice)).collect();
    let batch: Vec<String> = (0..10).map(|_| other(size, organization, dice)).collect();
    let term = term(&client, index);
    let search = Search::parse(&term).ok().flatten().unwrap_or_default();
    let status = STATUSES[usize::try_from(dice.below(4)).expect("small")];
    [
        size.organization_id(organization).to_string(),
        member(dice),
        client.id.to_string(),
        member(dice),
        format!("{{{}}}", assigned.unwrap_or_default()),
        format!("{{{}}}", batch.join(",")),
        format!("{{{}}}", team.join(",")),
        term.clone(),
        search.digits.unwrap_or(term),
        status.to_owned(),
        client.fields.name,
    ]
}

fn other(size: Size, organization: u32, dice: &mut Dice) -> String {
    let rank = dice.below(size.clients_of(organization).into());
    let rank = u32::try_from(rank).expect("less than a u32");
    size.client_id(size.nth(organization, rank)).to_string()
}
