//! Whose rows a query may touch: both walls around a tenant begin here.
//!
//! The wall in Rust: every query starts at [`Scope::clients`] or
//! [`Scope::events`] or filters by [`Scope::organization`]. The wall in SQL: every transaction begins with
//! [`Walled::wall`], which takes a role under row-level security. What is written for
//! several [`Callers`] together names the organization of each row beside its id, and the
//! role sees no organization but theirs.

use std::collections::BTreeSet;
use std::time::Duration;

use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::schema::{clients, events};
use super::share::Whose;
use super::statement::{Statement, Value};
use crate::domain::ids::{OrganizationId, UserId};
use crate::domain::principal::Principal;
use crate::error::{Error, Problem};

/// An actor and the organization it acts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    actor: UserId,
    organization: Option<OrganizationId>,
}

/// What a transaction may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Several reads of one state of the database.
    Snapshot,
    /// Reads and writes.
    Write,
}

impl Mode {
    /// How a transaction of it begins.
    pub(super) fn begin(self) -> &'static str {
        match self {
            Self::Snapshot => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Self::Write => "BEGIN",
        }
    }
}

/// What holds for a transaction of `$role`, after BEGIN.
macro_rules! settings {
    ($role:literal) => {
        concat!(
            "SELECT set_config('role', '",
            $role,
            "', true), set_config('statement_timeout', ?, true), set_config('app.actor_id', ?, true)"
        )
    };
}

impl Scope {
    /// What `principal` sees. An actor of one organization sees that one, and
    /// naming another fails with `ORGANIZATION_NOT_ALLOWED`, whether it exists
    /// or not. A Super Admin sees all, or the one that is named.
    pub fn of(principal: &Principal, named: Option<OrganizationId>) -> Result<Self, Error> {
        let organization = match (principal.organization(), named) {
            (Some(own), Some(named)) if own != named => return Err(Error::OrganizationNotAllowed),
            (own, named) => own.or(named),
        };
        Ok(Self {
            actor: principal.user(),
            organization,
        })
    }

    /// Every organization, for the service's own errands: demonstration data
    /// and housekeeping.
    pub(super) fn platform() -> Self {
        Self {
            actor: UserId(Uuid::nil()),
            organization: None,
        }
    }

    /// Who acts.
    pub fn actor(&self) -> UserId {
        self.actor
    }

    /// The one organization in sight; `None` when all are.
    pub fn organization(&self) -> Option<OrganizationId> {
        self.organization
    }

    /// The one organization in sight; fails as a violation of
    /// `organization_id` when a Super Admin has not named it.
    pub fn required_organization(&self) -> Result<OrganizationId, Error> {
        self.organization
            .ok_or_else(|| Error::violation("organization_id", Problem::Required))
    }

    /// The root of every query for clients, deleted ones included where
    /// `deleted` says so.
    pub(super) fn clients(&self, deleted: bool) -> clients::BoxedQuery<'static, Pg> {
        let mut query = clients::table.into_boxed();
        if let Some(organization) = self.organization {
            query = query.filter(clients::organization_id.eq(organization.0));
        }
        if !deleted {
            query = query.filter(clients::deleted_at.is_null());
        }
        query
    }

    /// The root of every query for events.
    pub(super) fn events(&self) -> events::BoxedQuery<'static, Pg> {
        let query = events::table.into_boxed();
        match self.organization {
            Some(organization) => query.filter(events::organization_id.eq(organization.0)),
            None => query,
        }
    }

    /// The same root for SQL of our own: a condition on `organization_id`, with
    /// its values.
    pub(super) fn owned(&self) -> (&'static str, Vec<Value<'static>>) {
        match self.organization {
            Some(organization) => ("organization_id = ?", vec![Value::Uuid(organization.0)]),
            None => ("true", Vec::new()),
        }
    }
}

/// Whose rows a transaction sees.
pub(super) trait Walled: Send + Sync + 'static {
    /// Whose turn it takes.
    fn whose(&self) -> Whose;

    /// Takes a transaction behind the wall in SQL. The role and the settings end
    /// with it: a session-level one would wait for the pool's next user.
    ///
    /// No further statement of it takes longer than `most`.
    fn wall(&self, most: Duration) -> Statement<'static, ()>;
}

impl Walled for Scope {
    fn whose(&self) -> Whose {
        Whose::Of(self.organization)
    }

    fn wall(&self, most: Duration) -> Statement<'static, ()> {
        let most = milliseconds(most);
        let actor = Value::Text(self.actor.to_string().into());
        match self.organization {
            Some(organization) => Statement::new(
                concat!(
                    settings!("nvito_clients_tenant"),
                    ", set_config('app.organization_id', ?, true)"
                ),
                vec![most, actor, Value::Text(organization.to_string().into())],
            ),
            None => Statement::new(settings!("nvito_clients_platform"), vec![most, actor]),
        }
    }
}

/// Actors whose writes go together, and their organizations.
pub(super) struct Callers(pub(super) Vec<(UserId, OrganizationId)>);

impl Callers {
    /// How long they wait for another write where that can only be seen by waiting: as
    /// for an e-mail that somebody is about to take.
    const PATIENCE: Duration = Duration::from_millis(50);
}

impl Walled for Callers {
    fn whose(&self) -> Whose {
        Whose::Everybody
    }

    fn wall(&self, most: Duration) -> Statement<'static, ()> {
        const WALL: &str = "SELECT set_config('role', 'nvito_clients_group', true), \
            set_config('statement_timeout', ?, true), set_config('lock_timeout', ?, true), \
            set_config('app.actor_ids', ?, true), set_config('app.organization_ids', ?, true)";
        let Self(callers) = self;
        let actors = callers.iter().map(|(actor, _)| actor.0);
        let organizations = callers.iter().map(|(_, organization)| organization.0);
        Statement::new(
            WALL,
            vec![
                milliseconds(most),
                milliseconds(Self::PATIENCE),
                listed(actors),
                listed(organizations),
            ],
        )
    }
}

/// A time as PostgreSQL's settings have it; none at all would be without end.
fn milliseconds(time: Duration) -> Value<'static> {
    Value::Text(time.as_millis().max(1).to_string().into())
}

/// Each of them once, as the policies look for one (migrations 0019 to 0026).
fn listed(ids: impl Iterator<Item = Uuid>) -> Value<'static> {
    let ids: BTreeSet<Uuid> = ids.collect();
    let ids: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    Value::Text(ids.join(",").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::principal::Role;

    #[test]
    fn an_actor_of_an_organization_cannot_leave_it() {
        let (own, other) = (
            OrganizationId(Uuid::from_u128(1)),
            OrganizationId(Uuid::from_u128(2)),
        );
        for role in Role::ALL {
            let actor = Principal::new(UserId(Uuid::nil()), role, Some(own)).expect("complete");
            let seen = |named| Scope::of(&actor, named).map(|scope| scope.organization());
            if role == Role::SuperAdmin {
                assert_eq!(seen(None).expect("all"), None);
                assert_eq!(seen(Some(other)).expect("narrowed"), Some(other));
            } else {
                assert_eq!(seen(None).expect("own"), Some(own), "{role}");
                assert_eq!(seen(Some(own)).expect("own"), Some(own), "{role}");
                assert!(
                    matches!(seen(Some(other)), Err(Error::OrganizationNotAllowed)),
                    "{role}"
                );
            }
        }
    }
}
