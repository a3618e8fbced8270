//! Completion of what somebody types into a form.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::Repository;
use super::scope::Mode;
use super::transaction::Transaction;
use crate::domain::ids::ClientId;
use crate::domain::lifecycle::ClientStatus;
use crate::domain::search::Search;
use crate::error::{Error, Result};

/// A client as a form offers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// Which.
    pub id: ClientId,
    /// Full name or trade name.
    pub name: String,
    /// Contact address.
    pub email: Option<String>,
    /// Telephone or WhatsApp, as typed.
    pub phone: Option<String>,
    /// Where the client stands.
    pub status: ClientStatus,
}

/// The function answers ids from behind row-level security, as the search does
/// (migration 0011); the rows themselves are read through both walls.
const SUGGEST: &str = "\
    SELECT client.id, client.name, client.email, client.phone, client.status \
    FROM suggest_client_ids($1, $2, $3) WITH ORDINALITY AS suggested (id, place) \
    JOIN clients AS client ON client.organization_id = $4 AND client.id = suggested.id \
    WHERE client.deleted_at IS NULL \
    ORDER BY suggested.place";

impl Repository {
    /// At most `limit` live clients of the scope's organization that `typed`
    /// may mean, the best first. Fails where the scope has none.
    pub async fn suggest(&self, typed: &Search, limit: i64) -> Result<Vec<Suggestion>> {
        let mut transaction = self.begin(Mode::Snapshot).await?;
        let outcome = suggestions(&mut transaction, typed, limit).await;
        transaction.finish(outcome).await
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Text>)]
    email: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    phone: Option<String>,
    #[diesel(sql_type = Text)]
    status: String,
}

async fn suggestions(
    transaction: &mut Transaction,
    typed: &Search,
    limit: i64,
) -> Result<Vec<Suggestion>> {
    let organization = transaction.scope().required_organization()?;
    let rows: Vec<Row> = diesel::sql_query(SUGGEST)
        .bind::<Text, _>(&typed.fragment)
        .bind::<Nullable<Text>, _>(&typed.digits)
        .bind::<BigInt, _>(limit)
        .bind::<SqlUuid, _>(organization.0)
        .load(&mut **transaction)
        .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Suggestion {
                id: ClientId(row.id),
                name: row.name,
                email: row.email,
                phone: row.phone,
                status: ClientStatus::from_name(&row.status)
                    .ok_or_else(|| Error::internal("unknown value in clients.status"))?,
            })
        })
        .collect()
}
