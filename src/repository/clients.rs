//! One client: created, read, changed; and what its other writes share.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::history::{TELL, Told, stored};
use super::mutation::Mutation;
use super::rows::{CLIENT_COLUMNS, ClientColumns, ClientRow, ClientSql, client_columns, complete};
use super::schema::{clients, organization_members as members};
use super::statement::{Statement, Value};
use super::transaction::Transaction;
use crate::domain::client::{Client, ClientFields, ClientPatch, NewClient};
use crate::domain::history::{HistoryKind, beginning, differences};
use crate::domain::ids::{ClientId, OrganizationId, UserId};
use crate::error::{Error, Problem, Reason, Resource, Result};

/// Creates a client in the organization of the scope.
///
/// Fails with `ASSIGNEE_NOT_IN_ORGANIZATION`, `ORGANIZATION_NOT_FOUND` or
/// `CLIENT_EMAIL_TAKEN`.
pub struct CreateClient(pub NewClient);

impl Mutation for CreateClient {
    type Output = Client;

    #[allow(private_interfaces, reason = "run by Repository::perform only")]
    async fn run(&self, transaction: &Transaction) -> Result<Client> {
        let Self(new) = self;
        let scope = transaction.scope();
        let organization = scope.required_organization()?;
        let columns = ClientColumns::from(&new.fields);
        let mut values = vec![Value::Uuid(new.id.0), Value::Uuid(organization.0)];
        values.extend(columns.contact());
        values.extend(columns.others());
        values.push(Value::Uuid(scope.actor().0));
        let told = Told::of(HistoryKind::Created, beginning(&new.fields));
        let (assignee, made) = tokio::join!(
            biased;
            check_assignee(transaction, organization, new.fields.assigned_to, "assigned_to_id"),
            written(transaction, INSERT, values, told),
        );
        assignee?;
        match made? {
            Some(client) => Ok(client),
            None => Err(email_taken(transaction, organization, new).await?),
        }
    }
}

/// `created_by` is the actor where the directory knows them (api.md, decision 10).
const INSERT: &str = "INSERT INTO clients (id, organization_id, \
    name, email, phone, phone_e164, \
    type, status, rfc, business_name, billing_address, acquisition_source, acquisition_detail, \
    notes, assigned_to_id, created_by) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT id FROM users WHERE id = ?)) \
    ON CONFLICT DO NOTHING";

/// Changes a client.
///
/// Fails with `CLIENT_NOT_FOUND`, `ETAG_MISMATCH`, `CLIENT_EMAIL_TAKEN`,
/// `ASSIGNEE_NOT_IN_ORGANIZATION` and whatever [`ClientPatch::apply`] finds.
pub struct UpdateClient {
    /// Which.
    pub id: ClientId,
    /// How.
    pub patch: ClientPatch,
    /// Only if it still has this etag.
    pub etag: Option<String>,
}

impl Mutation for UpdateClient {
    type Output = Client;

    #[allow(private_interfaces, reason = "run by Repository::perform only")]
    async fn run(&self, transaction: &Transaction) -> Result<Client> {
        let row = lock(transaction, self.id, Sight::Live).await?;
        row.etag().check(self.etag.as_deref())?;
        let current = row.fields()?;
        let next = self.patch.clone().apply(&current)?;
        if next == current {
            return one(complete(transaction, vec![row]).await?);
        }
        let (assignee, email, written) = tokio::join!(
            biased;
            async {
                if next.assigned_to == current.assigned_to {
                    return Ok(());
                }
                let organization = OrganizationId(row.organization_id);
                let path = "client.assigned_to_id";
                check_assignee(transaction, organization, next.assigned_to, path).await
            },
            async {
                if next.email == current.email {
                    return Ok(());
                }
                check_email(transaction, &row, next.email.as_deref()).await
            },
            self.set(transaction, &row, &current, &next),
        );
        assignee?;
        email?;
        written
    }
}

impl UpdateClient {
    /// What a search looks in is folded anew where one of its columns is set,
    /// changed or not: they are set only when one of them changes.
    async fn set(
        &self,
        transaction: &Transaction,
        row: &ClientRow,
        current: &ClientFields,
        next: &ClientFields,
    ) -> Result<Client> {
        let columns = ClientColumns::from(next);
        let contact = |fields: &ClientFields| {
            (
                fields.name.clone(),
                fields.email.clone(),
                fields.phone.clone(),
            )
        };
        let (set, values) = if contact(next) == contact(current) {
            (OTHERS, columns.others().to_vec())
        } else {
            let values = columns.contact().into_iter().chain(columns.others());
            (ALL, values.collect())
        };
        let told = Told::of(HistoryKind::Updated, differences(current, next));
        write(transaction, row.key(), set, values, told).await
    }
}

const OTHERS: &str = "type = ?, status = ?, rfc = ?, business_name = ?, billing_address = ?, \
    acquisition_source = ?, acquisition_detail = ?, notes = ?, assigned_to_id = ?";
const ALL: &str = "name = ?, email = ?, phone = ?, phone_e164 = ?, \
    type = ?, status = ?, rfc = ?, business_name = ?, billing_address = ?, \
    acquisition_source = ?, acquisition_detail = ?, notes = ?, assigned_to_id = ?";

/// Changes columns of a locked row, by its organization and id, and tells so in
/// its history.
pub(super) async fn write(
    transaction: &Transaction,
    (organization, id): (Uuid, Uuid),
    set: &str,
    mut values: Vec<Value<'_>>,
    told: Told<'_>,
) -> Result<Client> {
    let update = format!("UPDATE clients SET {set} WHERE organization_id = ? AND id = ?");
    values.extend([Value::Uuid(organization), Value::Uuid(id)]);
    let client = written(transaction, &update, values, told).await?;
    client.ok_or_else(|| Error::internal("a locked row went missing"))
}

/// Carries out an INSERT or UPDATE of one client, with its history, and answers
/// what it has become: one statement. `None` where it wrote nothing.
async fn written(
    transaction: &Transaction,
    write: &str,
    mut values: Vec<Value<'_>>,
    told: Told<'_>,
) -> Result<Option<Client>> {
    type Row = (ClientSql, Nullable<Text>, Nullable<Text>, BigInt);
    const ANSWER: &str = concat!(
        "SELECT ",
        client_columns!("written."),
        ", assignee.first_name, assignee.last_name, \
         (SELECT count(*) FROM events WHERE events.organization_id = written.organization_id \
          AND events.client_id = written.id) \
         FROM written LEFT JOIN users AS assignee ON assignee.id = written.assigned_to_id"
    );
    let sql = format!("WITH written AS ({write} RETURNING *), told AS ({TELL}) {ANSWER}");
    let changes = stored(&told.changes)?;
    values.extend([
        Value::Uuid(transaction.scope().actor().0),
        Value::Text(told.kind.as_str()),
        Value::MaybeText(told.reason),
        Value::Text(transaction.call()),
        Value::Json(changes),
    ]);
    let row: Option<(ClientRow, Option<String>, Option<String>, i64)> =
        Statement::<Row>::new(&sql, values)
            .get_result(&mut transaction.connection())
            .await
            .optional()?;
    row.map(|(row, first_name, last_name, event_count)| {
        row.complete(first_name.zip(last_name), event_count)
    })
    .transpose()
}

/// Which clients a write may find.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sight {
    /// Those that live.
    Live,
    /// And those that are deleted.
    Deleted,
}

/// A client of the scope, held until the transaction ends.
pub(super) async fn lock(
    transaction: &Transaction,
    id: ClientId,
    sight: Sight,
) -> Result<ClientRow> {
    let (owned, mut values) = transaction.scope().owned();
    values.push(Value::Uuid(id.0));
    let live = match sight {
        Sight::Live => "AND deleted_at IS NULL",
        Sight::Deleted => "",
    };
    let lock = format!(
        "SELECT {CLIENT_COLUMNS} FROM clients WHERE {owned} AND id = ? {live} FOR NO KEY UPDATE"
    );
    Statement::<ClientSql>::new(&lock, values)
        .get_result(&mut transaction.connection())
        .await
        .optional()?
        .ok_or(Error::NotFound {
            resource: Resource::Client,
            id: id.0,
        })
}

/// No other live client of the organization has the e-mail.
pub(super) async fn check_email(
    transaction: &Transaction,
    row: &ClientRow,
    email: Option<&str>,
) -> Result<()> {
    let (organization, id) = (row.organization_id, ClientId(row.id));
    match email_holder(transaction, organization, email, id).await? {
        Some(holder) => Err(Error::EmailTaken { holder }),
        None => Ok(()),
    }
}

/// An assignee is an active member of the client's organization (spec §6), and
/// stays one until the transaction ends.
pub(super) async fn check_assignee(
    transaction: &Transaction,
    organization: OrganizationId,
    assignee: Option<UserId>,
    path: &'static str,
) -> Result<()> {
    let Some(assignee) = assignee else {
        return Ok(());
    };
    let active: Option<bool> = members::table
        .find((organization.0, assignee.0))
        .for_share()
        .select(members::active)
        .first(&mut transaction.connection())
        .await
        .optional()?;
    match active {
        Some(true) => Ok(()),
        _ => Err(Error::rule(path, Problem::AssigneeNotInOrganization)),
    }
}

/// The live client, other than `except`, that has the e-mail.
async fn email_holder(
    transaction: &Transaction,
    organization: Uuid,
    email: Option<&str>,
    except: ClientId,
) -> Result<Option<ClientId>> {
    let Some(email) = email else { return Ok(None) };
    let same = sql::<Bool>("lower(email) = lower(")
        .bind::<Text, _>(email)
        .sql("::text COLLATE spanish)");
    Ok(clients::table
        .filter(clients::organization_id.eq(organization))
        .filter(clients::deleted_at.is_null())
        .filter(clients::id.ne(except.0))
        .filter(same)
        .select(clients::id)
        .first::<Uuid>(&mut transaction.connection())
        .await
        .optional()?
        .map(ClientId))
}

/// Why an insert found the e-mail taken. When its holder has gone since, the
/// transaction is worth another try.
async fn email_taken(
    transaction: &Transaction,
    organization: OrganizationId,
    new: &NewClient,
) -> Result<Error> {
    let email = new.fields.email.as_deref();
    let holder = email_holder(transaction, organization.0, email, new.id).await?;
    Ok(holder.map_or_else(
        || Error::System {
            reason: Reason::TransactionConflict,
            cause: "the client that held the e-mail is gone".into(),
        },
        |holder| Error::EmailTaken { holder },
    ))
}

pub(super) fn one(clients: Vec<Client>) -> Result<Client> {
    clients
        .into_iter()
        .next()
        .ok_or_else(|| Error::internal("a row went missing on its way"))
}
