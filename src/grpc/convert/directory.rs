//! The directory: requests → commands, entries → messages.

use super::check::{Check, line, optional};
use super::page;
use super::time::moment;
use crate::domain::directory::{Event, Member, NAME_MOST, Organization, User};
use crate::domain::email;
use crate::domain::ids::{EventId, OrganizationId, UserId};
use crate::domain::page::{Page, PageMeta};
use crate::domain::search::Search;
use crate::error::Result;
use crate::grpc::proto;
use crate::repository::{RemoveEvent, RemoveMember, UpsertMember};

/// `UpsertOrganizationRequest`.
pub(in crate::grpc) fn organization(
    message: &proto::UpsertOrganizationRequest,
) -> Result<Organization> {
    let mut check = Check::default();
    let id = check.required("id", optional(&message.id, OrganizationId::parse));
    let name = check.required("name", line(NAME_MOST)(&message.name));
    check.finish(Organization { id, name })
}

/// `UpsertMemberRequest`.
pub(in crate::grpc) fn member(message: &proto::UpsertMemberRequest) -> Result<UpsertMember> {
    let mut check = Check::default();
    let organization = organization_id(&mut check, &message.organization_id);
    // An absent user is an empty one: its violations name the fields to fill in.
    let given = message.user.clone().unwrap_or_default();
    let user = User {
        id: check.required("user.id", optional(&given.id, UserId::parse)),
        first_name: check.required("user.first_name", line(NAME_MOST)(&given.first_name)),
        last_name: check
            .field("user.last_name", line(NAME_MOST)(&given.last_name))
            .unwrap_or_default(),
        email: check.field("user.email", email::parse(&given.email)),
    };
    let active = message.active.unwrap_or(true);
    check.finish(UpsertMember {
        organization,
        member: Member { user, active },
    })
}

/// `RemoveMemberRequest`.
pub(in crate::grpc) fn removed_member(
    message: &proto::RemoveMemberRequest,
) -> Result<RemoveMember> {
    let mut check = Check::default();
    let organization = organization_id(&mut check, &message.organization_id);
    let user = check.required("user_id", optional(&message.user_id, UserId::parse));
    check.finish(RemoveMember { organization, user })
}

/// `UpsertEventRequest`.
pub(in crate::grpc) fn event(message: &proto::UpsertEventRequest) -> Result<Event> {
    let mut check = Check::default();
    let event = Event {
        id: check.required("id", optional(&message.id, EventId::parse)),
        organization: organization_id(&mut check, &message.organization_id),
        name: check.required("name", line(NAME_MOST)(&message.name)),
        starts_at: check.field(
            "starts_at",
            message.starts_at.as_ref().map(moment).transpose(),
        ),
    };
    check.finish(event)
}

/// `RemoveEventRequest`.
pub(in crate::grpc) fn removed_event(message: &proto::RemoveEventRequest) -> Result<RemoveEvent> {
    let mut check = Check::default();
    let id = check.required("id", optional(&message.id, EventId::parse));
    check.finish(RemoveEvent(id))
}

/// `ListOrganizationsRequest`.
pub(in crate::grpc) fn organizations(
    message: &proto::ListOrganizationsRequest,
) -> Result<(Option<Search>, Page)> {
    let mut check = Check::default();
    let search = check.search(&message.search);
    let page = page::page(&mut check, message.page, message.limit);
    let (search, page) = check.finish((search, page))?;
    page.check_depth()?;
    Ok((search, page))
}

/// `ListMembersRequest` of `organization`: the caller's own or the one it named.
pub(in crate::grpc) fn members(
    message: &proto::ListMembersRequest,
    organization: Option<OrganizationId>,
) -> Result<(Option<Search>, Page)> {
    let mut check = Check::default();
    check.organization(&message.organization_id, organization);
    let search = check.search(&message.search);
    let page = page::page(&mut check, message.page, message.limit);
    let (search, page) = check.finish((search, page))?;
    page.check_depth()?;
    Ok((search, page))
}

/// `ListOrganizationsResponse`.
pub(in crate::grpc) fn listed_organizations(
    found: &[Organization],
    meta: &PageMeta,
) -> proto::ListOrganizationsResponse {
    proto::ListOrganizationsResponse {
        organizations: found.iter().map(to_organization).collect(),
        meta: Some(page::meta(meta)),
    }
}

/// `ListMembersResponse`.
pub(in crate::grpc) fn listed_members(
    found: &[Member],
    meta: &PageMeta,
) -> proto::ListMembersResponse {
    proto::ListMembersResponse {
        members: found.iter().map(to_member).collect(),
        meta: Some(page::meta(meta)),
    }
}

/// `Organization`.
pub(in crate::grpc) fn to_organization(organization: &Organization) -> proto::Organization {
    proto::Organization {
        id: organization.id.to_string(),
        name: organization.name.clone(),
    }
}

/// `Member`.
pub(in crate::grpc) fn to_member(member: &Member) -> proto::Member {
    let user = &member.user;
    proto::Member {
        user: Some(proto::User {
            id: user.id.to_string(),
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            email: user.email.clone().unwrap_or_default(),
        }),
        active: member.active,
    }
}

fn organization_id(check: &mut Check, given: &str) -> OrganizationId {
    check.required("organization_id", optional(given, OrganizationId::parse))
}
