//! Completion of what somebody types into a form.

use std::collections::HashMap;

use diesel::declare_sql_function;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::Repository;
use super::schema::clients;
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

#[declare_sql_function]
extern "SQL" {
    /// Ids, the best first, from behind row-level security, as the search finds
    /// them (migration 0011); the rows are then read through both walls.
    fn suggest_client_ids(fragment: Text, digits: Nullable<Text>, most: BigInt) -> Array<SqlUuid>;
}

impl Repository {
    /// At most `limit` live clients of the scope's organization that `typed`
    /// may mean, the best first. Fails where the scope has none.
    pub async fn suggest(&self, typed: &Search, limit: i64) -> Result<Vec<Suggestion>> {
        let transaction = self.begin(Mode::Snapshot).await?;
        let outcome = suggestions(&transaction, typed, limit).await;
        transaction.finish(outcome).await
    }
}

async fn suggestions(
    transaction: &Transaction,
    typed: &Search,
    limit: i64,
) -> Result<Vec<Suggestion>> {
    let scope = transaction.scope();
    scope.required_organization()?;
    let ids = suggest_client_ids(&typed.fragment, typed.digits.as_deref(), limit);
    let ids: Vec<Uuid> = diesel::select(ids)
        .get_result(&mut transaction.connection())
        .await?;
    let rows: Vec<Row> = scope
        .clients(false)
        .filter(clients::id.eq_any(&ids))
        .select(Row::as_select())
        .load(&mut transaction.connection())
        .await?;
    let mut rows: HashMap<Uuid, Row> = rows.into_iter().map(|row| (row.id, row)).collect();
    ids.iter()
        .filter_map(|id| rows.remove(id))
        .map(Row::suggestion)
        .collect()
}

/// The columns of a suggestion.
#[derive(Queryable, Selectable)]
#[diesel(table_name = clients, check_for_backend(Pg))]
struct Row {
    id: Uuid,
    name: String,
    email: Option<String>,
    phone: Option<String>,
    status: String,
}

impl Row {
    fn suggestion(self) -> Result<Suggestion> {
        Ok(Suggestion {
            id: ClientId(self.id),
            name: self.name,
            email: self.email,
            phone: self.phone,
            status: ClientStatus::from_name(&self.status)
                .ok_or_else(|| Error::internal("unknown value in clients.status"))?,
        })
    }
}
