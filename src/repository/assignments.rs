//! Who looks after whom: all clients of one person at once (spec §6).

use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::clients::check_assignee;
use super::mutation::Mutation;
use super::schema::clients;
use super::totals;
use super::transaction::Transaction;
use crate::domain::history::HistoryKind;
use crate::domain::ids::{ClientId, OrganizationId, UserId};
use crate::error::Result;

/// One statement, however many clients: the move and its history.
const MOVE: &str = "\
    WITH moved AS ( \
        UPDATE clients SET assigned_to_id = $3 \
        WHERE organization_id = $1 AND assigned_to_id = $2 AND (deleted_at IS NULL OR $4) \
        RETURNING id, version, updated_at \
    ), told AS ( \
        INSERT INTO client_history \
            (organization_id, client_id, version, at, actor_id, kind, request_id, changes) \
        SELECT $1, id, version, updated_at, $5, $6, $7, jsonb_build_array(jsonb_build_object( \
            'field', 'assigned_to_id', 'before', $2, 'after', $3)) \
        FROM moved \
    ) \
    SELECT id FROM moved ORDER BY id";

/// Moves all live clients of one person to another, or to nobody.
///
/// Fails with `ASSIGNEE_NOT_IN_ORGANIZATION`.
pub struct ReassignClients {
    /// Who looks after them now.
    pub from: UserId,
    /// Who shall.
    pub to: Option<UserId>,
    /// Only say which: a preview holds nobody's clients.
    pub preview: bool,
}

/// The clients that were moved, by id.
pub struct Reassigned(pub Vec<ClientId>);

impl Mutation for ReassignClients {
    type Output = Reassigned;

    #[allow(private_interfaces, reason = "run by Repository::perform only")]
    async fn run(&self, transaction: &Transaction) -> Result<Reassigned> {
        let organization = transaction.scope().required_organization()?;
        check_assignee(transaction, organization, self.to, "to_user_id").await?;
        if self.to == Some(self.from) {
            return Ok(Reassigned(Vec::new()));
        }
        if self.preview {
            let there = clients::table
                .filter(clients::organization_id.eq(organization.0))
                .filter(clients::assigned_to_id.eq(self.from.0))
                .filter(clients::deleted_at.is_null())
                .order(clients::id)
                .select(clients::id)
                .load(&mut transaction.connection())
                .await?;
            return Ok(Reassigned(there.into_iter().map(ClientId).collect()));
        }
        let between = (self.from, self.to);
        let kind = HistoryKind::Reassigned;
        let moved = move_clients(transaction, organization, between, false, kind).await?;
        Ok(Reassigned(moved))
    }
}

/// Nobody looks after this member's clients any more (spec §6), deleted
/// clients included: an undeleted one must not come back to who has left.
pub(super) async fn clear(
    transaction: &Transaction,
    organization: OrganizationId,
    user: UserId,
) -> Result<()> {
    let kind = HistoryKind::AssigneeLeft;
    move_clients(transaction, organization, (user, None), true, kind).await?;
    Ok(())
}

async fn move_clients(
    transaction: &Transaction,
    organization: OrganizationId,
    (from, to): (UserId, Option<UserId>),
    deleted: bool,
    kind: HistoryKind,
) -> Result<Vec<ClientId>> {
    #[derive(QueryableByName)]
    struct Moved {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
    }
    let actor = transaction.scope().actor().0;
    let moved: Vec<Moved> = diesel::sql_query(MOVE)
        .bind::<SqlUuid, _>(organization.0)
        .bind::<SqlUuid, _>(from.0)
        .bind::<Nullable<SqlUuid>, _>(to.map(|user| user.0))
        .bind::<Bool, _>(deleted)
        .bind::<SqlUuid, _>(actor)
        .bind::<Text, _>(kind.as_str())
        .bind::<Text, _>(transaction.call().to_owned())
        .load(&mut transaction.connection())
        .await?;
    totals::fold(transaction, organization, moved.len()).await?;
    Ok(moved.into_iter().map(|row| ClientId(row.id)).collect())
}
