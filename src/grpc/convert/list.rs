//! Lists of clients: requests → filters, an order and a position.

use super::check::{Check, optional};
use super::enums::{client_status, client_type};
use super::page;
use crate::domain::ids::{OrganizationId, UserId};
use crate::domain::page::{Cursor, Order, OrderBy, Page};
use crate::domain::token::Fingerprint;
use crate::error::{Error, Problem, Result};
use crate::grpc::proto;
use crate::repository::{ClientFilter, Position};

/// `ListClientsRequest`.
pub(in crate::grpc) struct List {
    pub(in crate::grpc) filter: ClientFilter,
    pub(in crate::grpc) order: Order,
    pub(in crate::grpc) position: Position,
}

/// The request without what changes from page to page: the list that a
/// `page_token` belongs to.
pub(in crate::grpc) fn without_position(
    message: &proto::ListClientsRequest,
) -> proto::ListClientsRequest {
    proto::ListClientsRequest {
        page: 0,
        limit: 0,
        page_token: String::new(),
        ..message.clone()
    }
}

/// Reads a list, whose tokens hold the first half of `list`.
pub(in crate::grpc) fn list(message: &proto::ListClientsRequest, list: &[u8; 32]) -> Result<List> {
    let mut check = Check::default();
    let page = page::page(&mut check, message.page, message.limit);
    check.field(
        "organization_id",
        optional(&message.organization_id, OrganizationId::parse),
    );
    let assignee = check.field(
        "assigned_to_id",
        optional(&message.assigned_to_id, UserId::parse),
    );
    if message.unassigned && !message.assigned_to_id.is_empty() {
        check.refuse(
            "unassigned",
            Problem::MutuallyExclusive {
                other: "assigned_to_id",
            },
        );
    }
    if !message.page_token.is_empty() && message.page > 1 {
        check.refuse(
            "page",
            Problem::MutuallyExclusive {
                other: "page_token",
            },
        );
    }
    let filter = ClientFilter {
        search: check.search(&message.search),
        status: check.field("status", client_status(message.status)),
        client_type: check.field("type", client_type(message.r#type)),
        assigned_to: if message.unassigned {
            Some(None)
        } else {
            assignee.map(Some)
        },
        show_deleted: message.show_deleted,
    };
    let order = check.field("order_by", Order::parse(&message.order_by));
    let (filter, order) = check.finish((filter, order))?;
    let position = position(message, page, order.by, &half(list))?;
    Ok(List {
        filter,
        order,
        position,
    })
}

fn position(
    message: &proto::ListClientsRequest,
    page: Page,
    by: OrderBy,
    list: &Fingerprint,
) -> Result<Position, Error> {
    if message.page_token.is_empty() {
        page.check_depth()?;
        return Ok(Position::Page(page));
    }
    Ok(Position::After(
        Cursor::decode(&message.page_token, by, list)?,
        page.limit,
    ))
}

pub(super) fn half(hash: &[u8; 32]) -> Fingerprint {
    let mut half = Fingerprint::default();
    half.copy_from_slice(&hash[..16]);
    half
}
