//! Histories, as a test wants to read them.

use nvito_clients::grpc::proto::{Client, ClientHistoryEntry, ClientHistoryKind};

/// A field, before and after.
pub(crate) type Change<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

/// What an entry says was changed.
pub(crate) fn changes(entry: &ClientHistoryEntry) -> Vec<Change<'_>> {
    let change = entry.changes.iter();
    change
        .map(|c| (c.field.as_str(), c.before.as_deref(), c.after.as_deref()))
        .collect()
}

/// What a history says was done, from the beginning.
pub(crate) fn kinds(history: &[ClientHistoryEntry]) -> Vec<ClientHistoryKind> {
    history.iter().rev().map(ClientHistoryEntry::kind).collect()
}

/// Asserts that a history has every write, the latest first.
#[track_caller]
pub(crate) fn assert_whole(history: &[ClientHistoryEntry]) {
    let ids: Vec<_> = history.iter().map(|entry| entry.id.clone()).collect();
    let all: Vec<_> = (1..=history.len()).rev().map(|id| id.to_string()).collect();
    assert_eq!(ids, all);
}

/// Asserts that a history has every write that its client's etag counts, and
/// ends with the one that the client says was the last.
#[track_caller]
pub(crate) fn assert_told(client: &Client, history: &[ClientHistoryEntry]) {
    assert_whole(history);
    let writes = usize::from_str_radix(&client.etag, 16).expect("a number");
    assert_eq!(history.len(), writes, "{history:#?}");
    assert_eq!(history[0].at, client.updated_at);
}
