//! One client: created, read, changed; and what its other writes share.

use std::sync::Arc;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::group::Creation;
use super::held::{Sight, hold};
use super::history::{Told, tell, told_update};
use super::mutation::{Mutation, Of, Shared};
use super::rows::{ClientColumns, ClientRow, ClientSql, client_columns};
use super::schema::{clients, organization_members as members, users};
use super::statement::{Statement, Value};
use super::transaction::Transaction;
use crate::domain::client::{Client, ClientFields, ClientPatch, NewClient, UserSummary};
use crate::domain::history::{HistoryKind, beginning, differences};
use crate::domain::ids::{ClientId, OrganizationId, UserId};
use crate::error::{Error, Problem, Reason, Result};

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
        values.extend(told.of_caller(transaction)?);
        let (assignee, made) = tokio::join!(
            biased;
            check_assignee(transaction, organization, new.fields.assigned_to, "assigned_to_id"),
            made(transaction, values),
        );
        assignee?;
        match made? {
            Some(client) => Ok(client),
            None => Err(email_taken(transaction, organization, new).await?),
        }
    }

    fn shared(self: &Arc<Self>) -> Option<Shared<Client>> {
        Some(Shared::Creation(Creation(self.clone()), Of::CLIENT))
    }
}

/// The client that was made; `None` where its e-mail is taken.
async fn made(transaction: &Transaction, values: Vec<Value<'_>>) -> Result<Option<Client>> {
    type Row = (ClientSql, Nullable<Text>, Nullable<Text>);
    type Made = (ClientRow, Option<String>, Option<String>);
    // `created_by` is the actor where the directory knows them (api.md, decision 10).
    const INSERT: &str = concat!(
        "WITH written AS (INSERT INTO clients (id, organization_id, \
         name, email, phone, phone_e164, type, status, rfc, business_name, billing_address, \
         acquisition_source, acquisition_detail, notes, assigned_to_id, created_by) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT id FROM users WHERE id = ?)) \
         ON CONFLICT DO NOTHING RETURNING *), told AS (",
        tell!(),
        ") SELECT ",
        client_columns!("written."),
        ", assignee.first_name, assignee.last_name \
         FROM written LEFT JOIN users AS assignee ON assignee.id = written.assigned_to_id"
    );
    let row: Option<Made> = Statement::<Row>::new(INSERT, values)
        .get_result(&mut transaction.connection())
        .await
        .optional()?;
    // As yet without events.
    row.map(|(row, first_name, last_name)| row.complete(first_name.zip(last_name), 0))
        .transpose()
}

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
        let held = hold(transaction, self.id, Sight::Live).await?;
        let Some((next, told)) = self.next(&held.client)? else {
            return Ok(held.client);
        };
        let current = &held.client.fields;
        let moves = next.assigned_to != current.assigned_to;
        let readdresses = next.email != current.email;
        let columns = ClientColumns::from(&next);
        // What a search looks in is folded anew where one of its columns is set,
        // changed or not: they are set only when one of them changes.
        let same_contact = (&next.name, &next.email, &next.phone)
            == (&current.name, &current.email, &current.phone);
        let (update, values) = if same_contact {
            (UPDATE_OTHERS, columns.others().to_vec())
        } else {
            let values = columns.contact().into_iter().chain(columns.others());
            (UPDATE_ALL, values.collect())
        };
        let values = values.into_iter().map(Value::owned).collect();
        let mut client = held.write(transaction, (update, values), told, |client| {
            client.fields = next;
        })?;
        if moves || readdresses {
            // This may be refused, or wait for who is about to take the e-mail.
            let (assignee, email, written) = tokio::join!(
                biased;
                async {
                    if moves {
                        assignee(transaction, &client).await
                    } else {
                        Ok(client.assigned_to.clone())
                    }
                },
                async {
                    if readdresses {
                        check_email(transaction, &client).await
                    } else {
                        Ok(())
                    }
                },
                transaction.write_left(),
            );
            let assignee = assignee?;
            email?;
            written?;
            client.assigned_to = assignee;
        }
        Ok(client)
    }

    fn shared(self: &Arc<Self>) -> Option<Shared<Client>> {
        if self.patch.names_contact() || self.patch.assigned_to.is_some() {
            return None;
        }
        let update = self.clone();
        Some(Shared::change(self.id, move |client| update.next(client)))
    }
}

impl UpdateClient {
    /// What becomes of a client, and what is told of it; `None` where it stays as it is.
    fn next(&self, client: &Client) -> Result<Option<(ClientFields, Told)>> {
        client.etag.check(self.etag.as_deref())?;
        let next = self.patch.clone().apply(&client.fields)?;
        if next == client.fields {
            return Ok(None);
        }
        let told = Told::of(HistoryKind::Updated, differences(&client.fields, &next));
        Ok(Some((next, told)))
    }
}

const UPDATE_OTHERS: &str = told_update!(
    "type = ?, status = ?, rfc = ?, business_name = ?, billing_address = ?, \
     acquisition_source = ?, acquisition_detail = ?, notes = ?, assigned_to_id = ?, updated_at = ?, version = version + 1"
);
const UPDATE_ALL: &str = told_update!(
    "name = ?, email = ?, phone = ?, phone_e164 = ?, \
     type = ?, status = ?, rfc = ?, business_name = ?, billing_address = ?, \
     acquisition_source = ?, acquisition_detail = ?, notes = ?, assigned_to_id = ?, updated_at = ?, version = version + 1"
);

/// Who is to look after the client.
async fn assignee(transaction: &Transaction, client: &Client) -> Result<Option<UserSummary>> {
    let next = client.fields.assigned_to;
    let path = "client.assigned_to_id";
    let ((), summary) = tokio::try_join!(
        biased;
        check_assignee(transaction, client.organization, next, path),
        summary(transaction, next),
    )?;
    Ok(summary)
}

async fn summary(transaction: &Transaction, user: Option<UserId>) -> Result<Option<UserSummary>> {
    let Some(id) = user else { return Ok(None) };
    let names: Option<(String, String)> = users::table
        .find(id.0)
        .select((users::first_name, users::last_name))
        .first(&mut transaction.connection())
        .await
        .optional()?;
    Ok(names.map(|(first_name, last_name)| UserSummary {
        id,
        first_name,
        last_name,
    }))
}

/// No other live client of the organization has the client's e-mail.
pub(super) async fn check_email(transaction: &Transaction, client: &Client) -> Result<()> {
    let organization = client.organization.0;
    let email = client.fields.email.as_deref();
    match email_holder(transaction, organization, email, client.id).await? {
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
