//! Organizations, members and events, kept in step by their owners.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::Repository;
use super::assignments;
use super::events::linked;
use super::mutation::Mutation;
use super::schema::{events, organization_members as members, organizations, users};
use super::scope::Mode;
use super::transaction::Transaction;
use crate::domain::directory::{Event, Member, Organization, User};
use crate::domain::event::LinkedEvent;
use crate::domain::ids::{OrganizationId, UserId};
use crate::domain::page::{Page, PageMeta};
use crate::domain::search::Search;
use crate::error::{Error, Problem, Resource, Result};

impl Repository {
    /// A page of the organizations of the scope, by name.
    pub async fn list_organizations(
        &self,
        search: Option<&Search>,
        page: Page,
    ) -> Result<(Vec<Organization>, PageMeta)> {
        let transaction = self.begin(Mode::Snapshot).await?;
        let outcome = organizations_page(&transaction, search, page).await;
        transaction.finish(outcome).await
    }

    /// A page of the active members of the scope's organization, by name.
    /// Fails where the scope has none.
    pub async fn list_members(
        &self,
        search: Option<&Search>,
        page: Page,
    ) -> Result<(Vec<Member>, PageMeta)> {
        let transaction = self.begin(Mode::Snapshot).await?;
        let outcome = members_page(&transaction, search, page).await;
        transaction.finish(outcome).await
    }
}

async fn organizations_page(
    transaction: &Transaction,
    search: Option<&Search>,
    page: Page,
) -> Result<(Vec<Organization>, PageMeta)> {
    let matching = || {
        let mut query = organizations::table.into_boxed();
        if let Some(search) = search {
            query = query.filter(
                sql::<Bool>("fold_text(organizations.name) LIKE search_pattern(")
                    .bind::<Text, _>(search.fragment.clone())
                    .sql(")"),
            );
        }
        query
    };
    let connection = transaction.connection();
    let (mut for_rows, mut for_total) = (connection, connection);
    let (rows, total) = tokio::try_join!(
        biased;
        matching()
            .order((organizations::name, organizations::id))
            .offset(page.offset())
            .limit(page.limit)
            .load::<(Uuid, String)>(&mut for_rows),
        matching().count().get_result::<i64>(&mut for_total),
    )?;
    let organization = |(id, name)| Organization {
        id: OrganizationId(id),
        name,
    };
    Ok((
        rows.into_iter().map(organization).collect(),
        page.meta(total),
    ))
}

async fn members_page(
    transaction: &Transaction,
    search: Option<&Search>,
    page: Page,
) -> Result<(Vec<Member>, PageMeta)> {
    let organization = transaction.scope().required_organization()?;
    let matching = || {
        let mut query = members::table
            .inner_join(users::table)
            .filter(members::organization_id.eq(organization.0))
            .filter(members::active)
            .into_boxed();
        if let Some(search) = search {
            query = query.filter(
                sql::<Bool>(
                    "fold_text(concat_ws(' ', users.first_name, users.last_name, users.email)) \
                     LIKE search_pattern(",
                )
                .bind::<Text, _>(search.fragment.clone())
                .sql(")"),
            );
        }
        query
    };
    let connection = transaction.connection();
    let (mut for_rows, mut for_total) = (connection, connection);
    let (rows, total) = tokio::try_join!(
        biased;
        matching()
            .order((users::first_name, users::last_name, users::id))
            .offset(page.offset())
            .limit(page.limit)
            .select((users::id, users::first_name, users::last_name, users::email))
            .load::<(Uuid, String, String, Option<String>)>(&mut for_rows),
        matching().count().get_result::<i64>(&mut for_total),
    )?;
    let member = |(id, first_name, last_name, email)| Member {
        user: User {
            id: UserId(id),
            first_name,
            last_name,
            email,
        },
        active: true,
    };
    Ok((rows.into_iter().map(member).collect(), page.meta(total)))
}

/// Makes an organization known or renames it.
pub struct UpsertOrganization(pub Organization);

impl Mutation for UpsertOrganization {
    type Output = Organization;

    #[allow(private_interfaces, reason = "run by Repository::perform only")]
    async fn run(&self, transaction: &Transaction) -> Result<Organization> {
        let Self(organization) = self;
        diesel::insert_into(organizations::table)
            .values((
                organizations::id.eq(organization.id.0),
                organizations::name.eq(&organization.name),
            ))
            .on_conflict(organizations::id)
            .do_update()
            .set(organizations::name.eq(excluded(organizations::name)))
            .execute(&mut transaction.connection())
            .await?;
        Ok(organization.clone())
    }
}

/// Makes a user known and a member of an organization.
///
/// Fails with `ORGANIZATION_NOT_FOUND`.
pub struct UpsertMember {
    /// The organization.
    pub organization: OrganizationId,
    /// The member as it shall be; an inactive one loses its assignments.
    pub member: Member,
}

impl Mutation for UpsertMember {
    type Output = Member;

    #[allow(private_interfaces, reason = "run by Repository::perform only")]
    async fn run(&self, transaction: &Transaction) -> Result<Member> {
        let Self {
            organization,
            member,
        } = self;
        let user = &member.user;
        diesel::insert_into(users::table)
            .values((
                users::id.eq(user.id.0),
                users::first_name.eq(&user.first_name),
                users::last_name.eq(&user.last_name),
                users::email.eq(&user.email),
            ))
            .on_conflict(users::id)
            .do_update()
            .set((
                users::first_name.eq(excluded(users::first_name)),
                users::last_name.eq(excluded(users::last_name)),
                users::email.eq(excluded(users::email)),
            ))
            .execute(&mut transaction.connection())
            .await?;
        diesel::insert_into(members::table)
            .values((
                members::organization_id.eq(organization.0),
                members::user_id.eq(user.id.0),
                members::active.eq(member.active),
            ))
            .on_conflict((members::organization_id, members::user_id))
            .do_update()
            .set(members::active.eq(excluded(members::active)))
            .execute(&mut transaction.connection())
            .await?;
        if !member.active {
            assignments::clear(transaction, *organization, user.id).await?;
        }
        Ok(member.clone())
    }
}

/// Takes a user out of an organization; their assignments are cleared.
///
/// Fails with `MEMBER_NOT_FOUND`.
pub struct RemoveMember {
    /// The organization.
    pub organization: OrganizationId,
    /// The member.
    pub user: UserId,
}

impl Mutation for RemoveMember {
    type Output = ();

    #[allow(private_interfaces, reason = "run by Repository::perform only")]
    async fn run(&self, transaction: &Transaction) -> Result<()> {
        let Self { organization, user } = self;
        // Deleting the member first would leave the clearing to the foreign
        // key, row by row. The lock keeps new assignments out meanwhile.
        members::table
            .find((organization.0, user.0))
            .for_update()
            .select(members::user_id)
            .first::<Uuid>(&mut transaction.connection())
            .await
            .optional()?
            .ok_or(Error::NotFound {
                resource: Resource::Member,
                id: user.0,
            })?;
        assignments::clear(transaction, *organization, *user).await?;
        diesel::delete(members::table.find((organization.0, user.0)))
            .execute(&mut transaction.connection())
            .await?;
        Ok(())
    }
}

/// Makes an event known, or updates its name and date.
///
/// Fails with `ORGANIZATION_NOT_FOUND`, or as a violation of `IMMUTABLE` when
/// the event belongs to another organization.
pub struct UpsertEvent(pub Event);

impl Mutation for UpsertEvent {
    type Output = LinkedEvent;

    #[allow(private_interfaces, reason = "run by Repository::perform only")]
    async fn run(&self, transaction: &Transaction) -> Result<LinkedEvent> {
        let Self(event) = self;
        let upsert = diesel::insert_into(events::table)
            .values((
                events::id.eq(event.id.0),
                events::organization_id.eq(event.organization.0),
                events::name.eq(&event.name),
                events::starts_at.eq(event.starts_at),
            ))
            .on_conflict(events::id)
            .do_update()
            .set((
                events::name.eq(excluded(events::name)),
                events::starts_at.eq(excluded(events::starts_at)),
            ));
        let same_organization = events::organization_id.eq(excluded(events::organization_id));
        let written = diesel::query_dsl::methods::FilterDsl::filter(upsert, same_organization)
            .execute(&mut transaction.connection())
            .await?;
        if written == 0 {
            return Err(Error::violation("organization_id", Problem::Immutable));
        }
        linked(transaction, event.id).await
    }
}
