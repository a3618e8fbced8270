//! The totals of lists, which triggers keep (migration 0012): what is added up,
//! and when.

use diesel::declare_sql_function;
use diesel::sql_types::Uuid as SqlUuid;
use diesel_async::RunQueryDsl;

use super::Database;
use super::scope::Mode;
use super::transaction::Transaction;
use crate::domain::ids::OrganizationId;
use crate::error::Result;

#[declare_sql_function]
extern "SQL" {
    /// Adds the rows of each kind of a tenant up to one.
    fn fold_client_totals(tenant: SqlUuid) -> Integer;
    /// The same for every tenant that has something to add up.
    #[sql_name = "fold_client_totals"]
    fn fold_all_client_totals() -> Integer;
}

impl Database {
    /// Adds up what writes have noted. They do so themselves, one in a hundred:
    /// this is for what a quiet tenant, or a load of data, has left.
    pub async fn fold_totals(&self) -> Result<()> {
        let transaction = self.errand(Mode::Write).await?;
        let outcome = diesel::select(fold_all_client_totals())
            .execute(&mut transaction.connection())
            .await;
        transaction
            .finish(outcome.map(drop).map_err(Into::into))
            .await
    }
}

/// Most changes of one transaction that are left for others to add up.
const LEFT: usize = 50;

/// Adds up what a transaction has noted that has moved `clients` at once.
pub(super) async fn fold(
    transaction: &Transaction,
    organization: OrganizationId,
    clients: usize,
) -> Result<()> {
    if clients > LEFT {
        diesel::select(fold_client_totals(organization.0))
            .execute(&mut transaction.connection())
            .await?;
    }
    Ok(())
}
