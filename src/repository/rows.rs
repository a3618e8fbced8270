//! Rows of clients ↔ the domain.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use super::schema::clients;
use super::statement::Value;
use crate::domain::client::{
    AcquisitionSource, Client, ClientFields, ClientType, Etag, UserSummary,
};
use crate::domain::event::ClientCard;
use crate::domain::ids::{ClientId, OrganizationId, UserId};
use crate::domain::lifecycle::ClientStatus;
use crate::domain::phone::Phone;
use crate::domain::rfc::Rfc;
use crate::error::{Error, Result};

/// The columns of a [`ClientRow`] in its order, for SQL of our own; each begins
/// with what is given, such as `"client."`.
macro_rules! client_columns {
    ($of:literal) => {
        concat!(
            $of,
            "id, ",
            $of,
            "organization_id, ",
            $of,
            "name, ",
            $of,
            "email, ",
            $of,
            "phone, ",
            $of,
            "phone_e164, ",
            $of,
            "type, ",
            $of,
            "status, ",
            $of,
            "rfc, ",
            $of,
            "business_name, ",
            $of,
            "billing_address, ",
            $of,
            "acquisition_source, ",
            $of,
            "acquisition_detail, ",
            $of,
            "notes, ",
            $of,
            "assigned_to_id, ",
            $of,
            "created_by, ",
            $of,
            "created_at, ",
            $of,
            "updated_at, ",
            $of,
            "deleted_at, ",
            $of,
            "version"
        )
    };
}
pub(super) use client_columns;

/// [`client_columns!`] of a table with no other name.
pub(super) const CLIENT_COLUMNS: &str = client_columns!("");

/// Their types.
pub(super) type ClientSql = (
    SqlUuid,
    SqlUuid,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Text,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<SqlUuid>,
    Nullable<SqlUuid>,
    Timestamptz,
    Timestamptz,
    Nullable<Timestamptz>,
    BigInt,
);

/// Where something stands in the lists of `unnest`: from 1 on in SQL, from 0 on here.
pub(super) fn place(number: i64) -> Result<usize> {
    usize::try_from(number - 1).map_err(Error::internal)
}

/// A row of `clients`.
#[derive(Debug, Clone, Queryable, Selectable)]
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

impl<'a> ClientColumns<'a> {
    /// Name, e-mail and both forms of the phone: what a search looks in.
    pub(super) fn contact(&self) -> [Value<'a>; 4] {
        [
            Value::Text(self.name.into()),
            Value::MaybeText(self.email.map(Into::into)),
            Value::MaybeText(self.phone.map(Into::into)),
            Value::MaybeText(self.phone_e164.map(Into::into)),
        ]
    }

    /// The rest, in the order of the table.
    pub(super) fn others(&self) -> [Value<'a>; 9] {
        [
            Value::Text(self.type_.into()),
            Value::Text(self.status.into()),
            Value::MaybeText(self.rfc.map(Into::into)),
            Value::MaybeText(self.business_name.map(Into::into)),
            Value::MaybeText(self.billing_address.map(Into::into)),
            Value::MaybeText(self.acquisition_source.map(Into::into)),
            Value::MaybeText(self.acquisition_detail.map(Into::into)),
            Value::MaybeText(self.notes.map(Into::into)),
            Value::MaybeUuid(self.assigned_to_id),
        ]
    }
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
    /// Organization and id.
    pub(super) fn key(&self) -> (Uuid, Uuid) {
        (self.organization_id, self.id)
    }

    pub(super) fn etag(&self) -> Etag {
        Etag::of_version(self.version)
    }

    /// The fields a caller wrote. Fails when a CHECK of the database has let through what this
    /// version does not know.
    fn into_fields(self) -> Result<ClientFields> {
        let unknown = |column: &str| Error::internal(format!("unknown value in clients.{column}"));
        Ok(ClientFields {
            name: self.name,
            email: self.email,
            phone: self.phone.map(|typed| Phone {
                typed,
                e164: self.phone_e164,
            }),
            client_type: ClientType::from_name(&self.type_).ok_or_else(|| unknown("type"))?,
            status: ClientStatus::from_name(&self.status).ok_or_else(|| unknown("status"))?,
            rfc: self.rfc.map(Rfc::from_stored),
            business_name: self.business_name,
            billing_address: self.billing_address,
            acquisition_source: self
                .acquisition_source
                .as_deref()
                .map(|name| AcquisitionSource::from_name(name).ok_or_else(|| unknown("source")))
                .transpose()?,
            acquisition_detail: self.acquisition_detail,
            notes: self.notes,
            assigned_to: self.assigned_to_id.map(UserId),
        })
    }

    /// As much of it as an event shows.
    pub(super) fn card(self) -> Result<ClientCard> {
        let id = ClientId(self.id);
        let fields = self.into_fields()?;
        Ok(ClientCard {
            id,
            name: fields.name,
            email: fields.email,
            phone: fields.phone.map(|phone| phone.typed),
            client_type: fields.client_type,
            status: fields.status,
            rfc: fields.rfc.map(|rfc| rfc.as_str().to_owned()),
            business_name: fields.business_name,
            billing_address: fields.billing_address,
        })
    }

    /// The client, with the first and last name of its assignee.
    pub(super) fn complete(
        self,
        assignee: Option<(String, String)>,
        event_count: i64,
    ) -> Result<Client> {
        let assigned_to = self.assigned_to_id.zip(assignee);
        let assigned_to = assigned_to.map(|(id, (first_name, last_name))| UserSummary {
            id: UserId(id),
            first_name,
            last_name,
        });
        Ok(Client {
            id: ClientId(self.id),
            organization: OrganizationId(self.organization_id),
            assigned_to,
            created_by: self.created_by.map(UserId),
            created_at: self.created_at,
            updated_at: self.updated_at,
            deleted_at: self.deleted_at,
            etag: self.etag(),
            event_count,
            fields: self.into_fields()?,
            events: Vec::new(),
        })
    }
}
