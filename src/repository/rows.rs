//! Rows of clients ↔ the domain.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::dsl::count_star;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::schema::{clients, events, users};
use crate::domain::client::{
    AcquisitionSource, Client, ClientFields, ClientType, Etag, UserSummary,
};
use crate::domain::ids::{ClientId, OrganizationId, UserId};
use crate::domain::lifecycle::ClientStatus;
use crate::domain::phone::Phone;
use crate::domain::rfc::Rfc;
use crate::error::{Error, Result};

/// A row of `clients`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = clients, check_for_backend(Pg))]
pub(super) struct ClientRow {
    pub(super) id: Uuid,
    pub(super) organization_id: Uuid,
    pub(super) name: String,
    pub(super) email: Option<String>,
    phone: Option<String>,
    phone_e164: Option<String>,
    type_: String,
    status: String,
    rfc: Option<String>,
    business_name: Option<String>,
    billing_address: Option<String>,
    acquisition_source: Option<String>,
    acquisition_detail: Option<String>,
    notes: Option<String>,
    assigned_to_id: Option<Uuid>,
    created_by: Option<Uuid>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) deleted_at: Option<DateTime<Utc>>,
    pub(super) version: i64,
}

/// The columns a caller writes.
#[derive(Debug, Insertable, AsChangeset)]
#[diesel(table_name = clients, treat_none_as_null = true)]
pub(super) struct ClientColumns<'a> {
    name: &'a str,
    email: Option<&'a str>,
    phone: Option<&'a str>,
    phone_e164: Option<&'a str>,
    type_: &'static str,
    status: &'static str,
    rfc: Option<&'a str>,
    business_name: Option<&'a str>,
    billing_address: Option<&'a str>,
    acquisition_source: Option<&'static str>,
    acquisition_detail: Option<&'a str>,
    notes: Option<&'a str>,
    assigned_to_id: Option<Uuid>,
}

impl<'a> From<&'a ClientFields> for ClientColumns<'a> {
    fn from(fields: &'a ClientFields) -> Self {
        Self {
            name: &fields.name,
            email: fields.email.as_deref(),
            phone: fields.phone.as_ref().map(|phone| phone.typed.as_str()),
            phone_e164: fields
                .phone
                .as_ref()
                .and_then(|phone| phone.e164.as_deref()),
            type_: fields.client_type.as_str(),
            status: fields.status.as_str(),
            rfc: fields.rfc.as_ref().map(Rfc::as_str),
            business_name: fields.business_name.as_deref(),
            billing_address: fields.billing_address.as_deref(),
            acquisition_source: fields.acquisition_source.map(AcquisitionSource::as_str),
            acquisition_detail: fields.acquisition_detail.as_deref(),
            notes: fields.notes.as_deref(),
            assigned_to_id: fields.assigned_to.map(|user| user.0),
        }
    }
}

impl ClientRow {
    pub(super) fn etag(&self) -> Etag {
        Etag::of_version(self.version)
    }

    /// The fields a caller wrote. Fails when a CHECK of the database has let
    /// through what this version does not know.
    pub(super) fn fields(&self) -> Result<ClientFields> {
        let unknown = |column: &str| Error::internal(format!("unknown value in clients.{column}"));
        Ok(ClientFields {
            name: self.name.clone(),
            email: self.email.clone(),
            phone: self.phone.clone().map(|typed| Phone {
                typed,
                e164: self.phone_e164.clone(),
            }),
            client_type: ClientType::from_name(&self.type_).ok_or_else(|| unknown("type"))?,
            status: ClientStatus::from_name(&self.status).ok_or_else(|| unknown("status"))?,
            rfc: self.rfc.clone().map(Rfc::from_stored),
            business_name: self.business_name.clone(),
            billing_address: self.billing_address.clone(),
            acquisition_source: self
                .acquisition_source
                .as_deref()
                .map(|name| AcquisitionSource::from_name(name).ok_or_else(|| unknown("source")))
                .transpose()?,
            acquisition_detail: self.acquisition_detail.clone(),
            notes: self.notes.clone(),
            assigned_to: self.assigned_to_id.map(UserId),
        })
    }

    fn complete(self, names: &HashMap<Uuid, (String, String)>, event_count: i64) -> Result<Client> {
        let assignee = self.assigned_to_id.and_then(|id| names.get(&id).cloned());
        self.into_client(assignee, event_count)
    }

    /// The client of the row, with first and last name of its assignee, if it has
    /// one in sight, and the number of its events.
    pub(super) fn into_client(
        self,
        assignee: Option<(String, String)>,
        event_count: i64,
    ) -> Result<Client> {
        let named = self.assigned_to_id.zip(assignee);
        let assigned_to = named.map(|(id, (first_name, last_name))| UserSummary {
            id: UserId(id),
            first_name,
            last_name,
        });
        Ok(Client {
            id: ClientId(self.id),
            organization: OrganizationId(self.organization_id),
            fields: self.fields()?,
            assigned_to,
            created_by: self.created_by.map(UserId),
            created_at: self.created_at,
            updated_at: self.updated_at,
            deleted_at: self.deleted_at,
            etag: self.etag(),
            event_count,
            events: Vec::new(),
        })
    }
}

/// Rows with the names of their assignees and the number of their events, in
/// one round trip for all of them.
pub(super) async fn complete(
    connection: &AsyncPgConnection,
    rows: Vec<ClientRow>,
) -> Result<Vec<Client>> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let organizations = distinct(rows.iter().map(|row| row.organization_id));
    let assignees = distinct(rows.iter().filter_map(|row| row.assigned_to_id));

    let (mut for_names, mut for_counts) = (connection, connection);
    let (names, counts) = tokio::try_join!(
        biased;
        users::table
            .filter(users::id.eq_any(assignees))
            .select((users::id, (users::first_name, users::last_name)))
            .load::<(Uuid, (String, String))>(&mut for_names),
        events::table
            .filter(events::organization_id.eq_any(organizations))
            .filter(events::client_id.eq_any(ids))
            .group_by(events::client_id)
            .select((events::client_id, count_star()))
            .load::<(Option<Uuid>, i64)>(&mut for_counts),
    )?;
    let names: HashMap<_, _> = names.into_iter().collect();
    let counts: HashMap<_, _> = counts.into_iter().collect();
    rows.into_iter()
        .map(|row| {
            let event_count = counts.get(&Some(row.id)).copied().unwrap_or_default();
            row.complete(&names, event_count)
        })
        .collect()
}

fn distinct(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
