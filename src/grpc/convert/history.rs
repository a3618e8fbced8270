//! Histories: requests → pages, entries → messages.

use super::check::{Check, optional};
use super::enums::to_history_kind;
use super::list::half;
use super::page;
use super::time::timestamp;
use crate::domain::history::{FieldChange, HistoryEntry};
use crate::domain::ids::ClientId;
use crate::domain::token;
use crate::error::Result;
use crate::grpc::proto;
use crate::repository::History;

/// `ListClientHistoryRequest`.
pub(in crate::grpc) struct Page {
    pub(in crate::grpc) client: ClientId,
    pub(in crate::grpc) before: Option<i64>,
    pub(in crate::grpc) limit: i64,
}

/// The request without what changes from page to page: the list that a
/// `page_token` belongs to.
pub(in crate::grpc) fn without_position(
    message: &proto::ListClientHistoryRequest,
) -> proto::ListClientHistoryRequest {
    proto::ListClientHistoryRequest {
        client_id: message.client_id.clone(),
        ..Default::default()
    }
}

/// Reads a page, whose tokens hold the first half of `list`.
pub(in crate::grpc) fn page(
    message: &proto::ListClientHistoryRequest,
    list: &[u8; 32],
) -> Result<Page> {
    let mut check = Check::default();
    let client = check.required("client_id", optional(&message.client_id, ClientId::parse));
    let limit = page::page(&mut check, 0, message.limit).limit;
    let (client, limit) = check.finish((client, limit))?;
    let before = if message.page_token.is_empty() {
        None
    } else {
        let version = |place: &[u8]| Some(i64::from_be_bytes(place.try_into().ok()?));
        Some(token::open(&message.page_token, &half(list), version)?)
    };
    Ok(Page {
        client,
        before,
        limit,
    })
}

/// `ListClientHistoryResponse`.
pub(in crate::grpc) fn listed(
    history: &History,
    list: &[u8; 32],
) -> proto::ListClientHistoryResponse {
    let token = |version: i64| token::seal(&half(list), &version.to_be_bytes());
    proto::ListClientHistoryResponse {
        entries: history.entries.iter().map(entry).collect(),
        next_page_token: history.next.map(token).unwrap_or_default(),
    }
}

fn entry(entry: &HistoryEntry) -> proto::ClientHistoryEntry {
    proto::ClientHistoryEntry {
        id: entry.version.to_string(),
        at: Some(timestamp(entry.at)),
        actor_id: entry.actor.to_string(),
        kind: to_history_kind(entry.kind).into(),
        reason: entry.reason.clone(),
        request_id: entry.request.clone(),
        changes: entry.changes.iter().map(change).collect(),
    }
}

fn change(change: &FieldChange) -> proto::FieldChange {
    proto::FieldChange {
        field: change.field.clone(),
        before: change.before.clone(),
        after: change.after.clone(),
    }
}
