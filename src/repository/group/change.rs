//! Clients that are changed together, but for what a search looks in.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;

use super::{Call, Outcome, Part};
use crate::domain::client::{Client, ClientFields};
use crate::domain::ids::ClientId;
use crate::error::Result;
use crate::repository::held::HeldClient;
use crate::repository::history::Told;
use crate::repository::rows::{ClientColumns, ClientRow, ClientSql, client_columns, place};
use crate::repository::scope::Callers;
use crate::repository::statement::{Statement, Value};
use crate::repository::transaction::Transaction;

/// A change of one live client, but for its name, e-mail, telephone and assignee.
pub(in crate::repository) struct Change {
    pub(in crate::repository) client: ClientId,
    pub(in crate::repository) next: Box<Next>,
}

/// What a client becomes as it stands, and what is told of it; nothing where it stays as
/// it is. An error refuses the change.
pub(in crate::repository) type Next =
    dyn Fn(&Client) -> Result<Option<(ClientFields, Told)>> + Send + Sync;

impl Part for Change {
    type Held = HeldClient;

    fn client(&self) -> ClientId {
        self.client
    }

    async fn hold(
        transaction: &Transaction<Callers>,
        calls: &[&Call<Self>],
    ) -> Result<Vec<Option<HeldClient>>> {
        type Names = Nullable<Array<Text>>;
        type Row = (BigInt, ClientSql, Names, BigInt, Timestamptz);
        type Found = (i64, ClientRow, Option<Vec<String>>, i64, DateTime<Utc>);
        // Who is held as the last writer left them, but what stands beside is as it was
        // when the statement began: where somebody wrote meanwhile, the last condition
        // is asked once more, of what they wrote, and not met.
        const HOLD: &str = concat!(
            "SELECT place, ",
            client_columns!("client."),
            ", (SELECT ARRAY[first_name, last_name] FROM users WHERE users.id = client.assigned_to_id), \
               (SELECT count(*) FROM events WHERE events.organization_id = client.organization_id \
                AND events.client_id = client.id), \
               clock_timestamp() \
             FROM unnest(?, ?) WITH ORDINALITY AS asked (organization_id, id, place) \
             JOIN clients AS client ON client.id = asked.id \
                AND client.organization_id = asked.organization_id \
             WHERE client.deleted_at IS NULL \
               AND client.version = (SELECT seen.version FROM clients AS seen \
                WHERE seen.organization_id = client.organization_id AND seen.id = client.id) \
             FOR NO KEY UPDATE OF client SKIP LOCKED"
        );
        let key = |call: &&Call<Self>| {
            vec![
                Value::Uuid(call.organization.0),
                Value::Uuid(call.part.client.0),
            ]
        };
        let keys = Value::columns(calls.iter().map(key).collect());
        let hold = Statement::<Row>::new(HOLD, keys);
        let found: Vec<Found> = hold.load(&mut transaction.connection()).await?;
        let mut held: Vec<Option<HeldClient>> = calls.iter().map(|_| None).collect();
        for (number, row, names, event_count, clock) in found {
            let place = place(number)?;
            let names = names.and_then(|names| <[String; 2]>::try_from(names).ok());
            // What is wrong with a row is not the others'.
            let Ok(client) = row.complete(names.map(Into::into), event_count) else {
                continue;
            };
            // The wall in Rust once more.
            if client.organization == calls[place].organization {
                held[place] = Some(HeldClient::at(client, clock));
            }
        }
        Ok(held)
    }

    async fn write(
        transaction: &Transaction<Callers>,
        calls: Vec<(&Call<Self>, HeldClient)>,
    ) -> Result<Vec<Result<Outcome>>> {
        const WRITE: &str = "WITH written AS (\
                UPDATE clients SET type = next.type, status = next.status, rfc = next.rfc, \
                    business_name = next.business_name, billing_address = next.billing_address, \
                    acquisition_source = next.acquisition_source, \
                    acquisition_detail = next.acquisition_detail, notes = next.notes, \
                    assigned_to_id = next.assigned_to_id, updated_at = next.updated_at, \
                    version = clients.version + 1 \
                FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
                    AS next (type, status, rfc, business_name, billing_address, acquisition_source, \
                        acquisition_detail, notes, assigned_to_id, updated_at, organization_id, id, \
                        actor_id, kind, reason, request_id, changes) \
                WHERE clients.organization_id = next.organization_id AND clients.id = next.id \
                RETURNING clients.organization_id, clients.id, clients.version, clients.updated_at, \
                    next.actor_id, next.kind, next.reason, next.request_id, next.changes) \
            INSERT INTO client_history \
            (organization_id, client_id, version, at, actor_id, kind, reason, request_id, changes) \
            SELECT organization_id, id, version, updated_at, actor_id, kind, reason, request_id, changes \
            FROM written";
        let (mut rows, mut turns) = (Vec::new(), Vec::new());
        for (call, held) in calls {
            turns.push(match (call.part.next)(&held.client) {
                Ok(None) => Ok(Outcome::Done(Box::new(held.client))),
                Ok(Some((fields, told))) => {
                    debug_assert!(is_plain(&held.client.fields, &fields));
                    let mut row = ClientColumns::from(&fields).others().to_vec();
                    row.extend(held.place());
                    row.extend(told.values(call.actor, &call.name)?);
                    rows.push(row.into_iter().map(Value::owned).collect());
                    let client = held.becomes(|client| client.fields = fields);
                    Ok(Outcome::Done(Box::new(client)))
                }
                Err(error) => Err(error),
            });
        }
        if !rows.is_empty() {
            let count = rows.len();
            transaction.leave(Statement::new(WRITE, Value::columns(rows)), count);
        }
        Ok(turns)
    }
}

/// Whether a change is of nothing that takes a transaction of its own.
fn is_plain(before: &ClientFields, after: &ClientFields) -> bool {
    let contact = (&before.name, &before.email, &before.phone);
    contact == (&after.name, &after.email, &after.phone) && before.assigned_to == after.assigned_to
}
