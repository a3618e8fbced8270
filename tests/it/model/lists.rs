//! The model and the service side by side, where many clients are told of at
//! once.

use nvito_clients::grpc::proto::{
    ClientStatus, ListClientsRequest, SummarizeClientsRequest, SummaryGroup,
};

use super::book::{Client, Life};
use super::comparison::{Checked, Comparison, Shown, same};
use super::steps::{SLOTS, STATUSES};

/// How many lists there are.
pub(super) const LISTS: usize = 5;

impl Comparison<'_> {
    /// One of the lists; `turn` also chooses what it is narrowed to.
    pub(super) async fn list(&self, turn: usize) -> Checked {
        let all = ListClientsRequest {
            limit: 100,
            ..ListClientsRequest::default()
        };
        let live = |client: &Client| client.life == Life::Live;
        match turn % LISTS {
            0 => self.listed(all, live).await,
            1 => {
                // One that somebody stands at.
                let at = turn.checked_rem(self.book.clients.len());
                let status = at.map_or(ClientStatus::Prospect, |at| self.book.clients[at].status);
                let request = ListClientsRequest {
                    status: status.into(),
                    ..all
                };
                let matches = |client: &Client| live(client) && client.status == status;
                self.listed(request, matches).await
            }
            2 => {
                let request = ListClientsRequest {
                    unassigned: true,
                    ..all
                };
                let matches = |client: &Client| live(client) && client.assignee.is_none();
                self.listed(request, matches).await
            }
            3 => {
                let slot = u8::try_from(turn).expect("a turn") % SLOTS;
                let request = ListClientsRequest {
                    assigned_to_id: self.stage.members[usize::from(slot)].clone(),
                    ..all
                };
                let matches = |client: &Client| live(client) && client.assignee == Some(slot);
                self.listed(request, matches).await
            }
            _ => {
                let request = ListClientsRequest {
                    organization_id: self.stage.organization.clone(),
                    show_deleted: true,
                    ..all
                };
                self.listed(request, |client| client.life != Life::Purged)
                    .await
            }
        }
    }

    async fn listed(
        &self,
        request: ListClientsRequest,
        matches: impl Fn(&Client) -> bool,
    ) -> Checked {
        let what = format!("ListClients by {request:?}");
        let actor = if request.show_deleted {
            &self.stage.super_admin
        } else {
            &self.stage.tenant
        };
        let found = actor.list(request).await.expect("listed");
        let known = self.book.clients.iter().enumerate();
        let expected: Vec<_> = known
            .filter(|(_, client)| matches(client))
            .map(|(at, _)| (self.stage.clients[at].clone(), self.shown(at)))
            .collect();
        let total = found.meta.expect("a page").total;
        let mut clients: Vec<_> = found
            .clients
            .iter()
            .map(|client| (client.id.clone(), Shown::of(client)))
            .collect();
        // Ids grow with time, and the newest are listed first.
        clients.reverse();
        same(&what, &expected, &clients)?;
        same(what, &i64::try_from(expected.len()), &Ok(total))
    }

    /// How many stand where, and how many of them ever became active.
    pub(super) async fn summary(&self) -> Checked {
        let request = SummarizeClientsRequest {
            group_by: SummaryGroup::Status.into(),
            ..SummarizeClientsRequest::default()
        };
        let answer = self.stage.tenant.clients().summarize_clients(request).await;
        let rows = answer.expect("summarized").into_inner().rows;
        for status in STATUSES {
            let live = self.book.clients.iter();
            let live = live.filter(|it| it.life == Life::Live && it.status == status);
            let total = live.clone().count();
            let active = live.filter(|client| client.ever_active).count();
            let key = status.as_str_name().trim_start_matches("CLIENT_STATUS_");
            let row = rows.iter().find(|row| row.key == key);
            let found = row.map(|row| (row.total, row.reached_active));
            let number = |count: usize| i64::try_from(count).expect("a few");
            let expected = (total > 0).then(|| (number(total), number(active)));
            same(format!("SummarizeClients at {key}"), &expected, &found)?;
        }
        Ok(())
    }
}
