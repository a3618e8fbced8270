//! Clients that are created together.

use std::collections::HashMap;
use std::sync::Arc;

use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_async::RunQueryDsl;

use super::{Call, Outcome, Part};
use crate::domain::client::NewClient;
use crate::domain::history::{HistoryKind, beginning};
use crate::domain::ids::ClientId;
use crate::error::Result;
use crate::repository::clients::CreateClient;
use crate::repository::history::Told;
use crate::repository::rows::{ClientColumns, ClientRow, ClientSql, client_columns, place};
use crate::repository::scope::Callers;
use crate::repository::statement::{Statement, Value};
use crate::repository::transaction::Transaction;

/// A client to be created.
pub(in crate::repository) struct Creation(pub(in crate::repository) Arc<CreateClient>);

impl Creation {
    fn new_client(&self) -> &NewClient {
        &self.0.0
    }
}

impl Part for Creation {
    /// The organization is there, and the assignee one of its active members, until
    /// the transaction ends.
    type Held = ();

    fn client(&self) -> ClientId {
        self.new_client().id
    }

    async fn hold(
        transaction: &Transaction<Callers>,
        calls: &[&Call<Self>],
    ) -> Result<Vec<Option<()>>> {
        const HOLD: &str = "WITH asked AS (SELECT * \
                FROM unnest(?, ?) WITH ORDINALITY AS asked (organization_id, user_id, place)), \
             member AS (SELECT place FROM asked \
                JOIN organization_members AS member USING (organization_id, user_id) \
                WHERE member.active FOR SHARE OF member SKIP LOCKED) \
             SELECT asked.place FROM asked \
             JOIN organizations ON organizations.id = asked.organization_id \
             LEFT JOIN member ON member.place = asked.place \
             WHERE asked.user_id IS NULL OR member.place IS NOT NULL";
        let organizations = calls.iter().map(|call| Some(call.organization.0));
        let assignees = calls.iter().map(|call| {
            let assigned_to = call.part.new_client().fields.assigned_to;
            assigned_to.map(|user| user.0)
        });
        let hold = Statement::<BigInt>::new(
            HOLD,
            vec![
                Value::MaybeUuids(organizations.collect()),
                Value::MaybeUuids(assignees.collect()),
            ],
        );
        let there = hold.load::<i64>(&mut transaction.connection()).await?;
        let mut held: Vec<Option<()>> = calls.iter().map(|_| None).collect();
        for number in there {
            held[place(number)?] = Some(());
        }
        Ok(held)
    }

    async fn write(
        transaction: &Transaction<Callers>,
        calls: Vec<(&Call<Self>, ())>,
    ) -> Result<Vec<Result<Outcome>>> {
        type Row = (ClientSql, Nullable<Text>, Nullable<Text>);
        type Made = (ClientRow, Option<String>, Option<String>);
        // An actor whom the directory does not know has made nothing by its columns
        // (api.md, decision 10).
        const INSERT: &str = concat!(
            "WITH asked AS (SELECT * \
                FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
                    AS asked (id, organization_id, name, email, phone, phone_e164, type, status, rfc, \
                        business_name, billing_address, acquisition_source, acquisition_detail, notes, \
                        assigned_to_id, actor_id, kind, reason, request_id, changes)), \
             written AS (INSERT INTO clients (id, organization_id, \
                name, email, phone, phone_e164, type, status, rfc, business_name, billing_address, \
                acquisition_source, acquisition_detail, notes, assigned_to_id, created_by) \
                SELECT asked.id, asked.organization_id, \
                    name, asked.email, phone, phone_e164, type, status, rfc, business_name, \
                    billing_address, acquisition_source, acquisition_detail, notes, assigned_to_id, actor.id \
                FROM asked LEFT JOIN users AS actor ON actor.id = asked.actor_id \
                ON CONFLICT DO NOTHING RETURNING *), \
             told AS (INSERT INTO client_history \
                (organization_id, client_id, version, at, actor_id, kind, reason, request_id, changes) \
                SELECT written.organization_id, written.id, version, updated_at, asked.actor_id, kind, \
                    reason, request_id, changes \
                FROM written JOIN asked USING (id)) \
             SELECT ",
            client_columns!("written."),
            ", assignee.first_name, assignee.last_name \
             FROM written LEFT JOIN users AS assignee ON assignee.id = written.assigned_to_id"
        );
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows = Vec::new();
        for (call, ()) in &calls {
            let new = call.part.new_client();
            let columns = ClientColumns::from(&new.fields);
            let mut row = vec![Value::Uuid(new.id.0), Value::Uuid(call.organization.0)];
            row.extend(columns.contact());
            row.extend(columns.others());
            let told = Told::of(HistoryKind::Created, beginning(&new.fields));
            row.extend(told.values(call.actor, &call.name)?);
            rows.push(row);
        }
        let made: Vec<Made> = Statement::<Row>::new(INSERT, Value::columns(rows))
            .load(&mut transaction.connection())
            .await?;
        let mut clients = HashMap::new();
        for (row, first_name, last_name) in made {
            // As yet without events.
            let client = row.complete(first_name.zip(last_name), 0)?;
            clients.insert(client.id, Box::new(client));
        }
        // One whose e-mail is taken is not among them: alone it will find by whom.
        let turn = |(call, ()): (&Call<Self>, ())| {
            let made = clients.remove(&call.part.client());
            Ok(made.map_or(Outcome::Alone(None), Outcome::Done))
        };
        Ok(calls.into_iter().map(turn).collect())
    }
}
