//! Whether an answer is the answer to what was asked: the right rows of the
//! right tenant, in order, with the right total; and what to read again after a
//! write.

macro_rules! sure {
    ($holds:expr, $($how:tt)+) => {
        if !$holds {
            return Err(format!($($how)+));
        }
    };
}

mod list;

use std::collections::HashSet;

use nvito_clients::grpc::proto::{
    BatchGetClientsResponse, Client, CreateClientRequest, CreateClientResponse, Event,
    GetClientResponse, GetEventResponse, LinkEventResponse, ListClientHistoryResponse,
    ListMembersResponse, SuggestClientsResponse, SummarizeClientsResponse,
    TransitionClientResponse, UnlinkEventResponse, UpdateClientResponse,
    ValidateFiscalDataResponse,
};
use nvito_clients::seed::ACTIVE;
use prost::bytes::Bytes;

use super::ask::{Asked, Message, Rows};
use super::operation::Operation;
use list::folded;

/// What an answer says, or what is wrong with it.
type Verdict<T = ()> = Result<T, String>;

/// Looks at the answer to `asked`. After a write: the client as it must be read
/// from now on, as long as nobody writes it.
pub(crate) fn answer(rows: Rows, asked: &Asked, body: Bytes) -> Verdict<Option<Client>> {
    let seen = Seen { rows, asked };
    match &asked.message {
        Message::Get(_) => {
            let client = some(decoded::<GetClientResponse>(body)?.client)?;
            seen.seeded(&client)?;
            seen.events(&client)?;
        }
        Message::BatchGet(request) => {
            let answer: BatchGetClientsResponse = decoded(body)?;
            sure!(
                answer.missing_ids.is_empty(),
                "missing: {:?}",
                answer.missing_ids
            );
            let asked: HashSet<&String> = request.ids.iter().collect();
            let answered: HashSet<&String> = answer.clients.iter().map(|one| &one.id).collect();
            sure!(asked == answered, "other clients than asked for");
            answer
                .clients
                .iter()
                .try_for_each(|client| seen.own(client))?;
        }
        Message::List(request) => seen.list(request, &decoded(body)?)?,
        Message::Suggest(request) => {
            let answer: SuggestClientsResponse = decoded(body)?;
            let first = some(answer.suggestions.first())?;
            let (name, typed) = (folded(&first.name), folded(&request.query));
            sure!(
                name.starts_with(typed.trim()),
                "{name:?} is offered for {typed:?}"
            );
        }
        Message::Create(request) => {
            let client = some(decoded::<CreateClientResponse>(body)?.client)?;
            seen.created(request, &client)?;
            return Ok(Some(client));
        }
        Message::Update(request) => {
            let client = some(decoded::<UpdateClientResponse>(body)?.client)?;
            seen.seeded(&client)?;
            let notes = request
                .client
                .as_ref()
                .and_then(|patch| patch.notes.as_ref());
            sure!(client.notes.as_ref() == notes, "notes {:?}", client.notes);
            return Ok(Some(client));
        }
        Message::Transition(request) => {
            let client = some(decoded::<TransitionClientResponse>(body)?.client)?;
            seen.seeded(&client)?;
            sure!(
                client.status == request.target_status,
                "status {}",
                client.status
            );
            return Ok(Some(client));
        }
        Message::History(_) => history(&decoded(body)?)?,
        Message::Summarize(_) => {
            let answer: SummarizeClientsResponse = decoded(body)?;
            let total: i64 = answer.rows.iter().map(|row| row.total).sum();
            let least = seen.least();
            sure!(
                total >= least,
                "{total} clients in all, of {least} at least"
            );
        }
        Message::GetEvent(request) => {
            let event = some(decoded::<GetEventResponse>(body)?.event)?;
            let client = asked
                .client
                .map(|index| rows.size.client_id(index).to_string());
            seen.event(&event, &request.id)?;
            let linked = event.client.map(|card| card.id);
            sure!(client.is_none() || linked == client, "linked to {linked:?}");
        }
        Message::Link(request) => {
            let event = some(decoded::<LinkEventResponse>(body)?.event)?;
            seen.event(&event, &request.event_id)?;
            let linked = event.client.map(|card| card.id);
            sure!(
                linked.as_ref() == Some(&request.client_id),
                "linked to {linked:?}"
            );
        }
        Message::Unlink(request) => {
            let event = some(decoded::<UnlinkEventResponse>(body)?.event)?;
            seen.event(&event, &request.event_id)?;
            sure!(event.client.is_none(), "still linked");
        }
        Message::Fiscal(request) => {
            let answer: ValidateFiscalDataResponse = decoded(body)?;
            sure!(answer.normalized == request.rfc, "{:?}", answer.normalized);
        }
        Message::Members(_) => {
            let answer: ListMembersResponse = decoded(body)?;
            let total = some(answer.meta)?.total;
            sure!(total >= ACTIVE.cast_signed(), "{total} members");
        }
    }
    Ok(None)
}

/// Whether a client reads as a write has answered it; links, which come at any
/// time, may have moved its version on.
pub(crate) fn read_again(operation: Operation, answered: &Client, read: &Client) -> Verdict {
    if operation == Operation::Create {
        sure!(answered == read, "read again, it is another client");
    }
    let same =
        (&answered.id, &answered.notes, answered.status) == (&read.id, &read.notes, read.status);
    sure!(same, "read again, it is as it was before");
    sure!(answered.etag <= read.etag, "read again, its etag is older");
    Ok(())
}

struct Seen<'a> {
    rows: Rows,
    asked: &'a Asked,
}

impl Seen<'_> {
    fn own(&self, client: &Client) -> Verdict {
        let own = self.asked.identity.organization.to_string();
        sure!(
            client.organization_id == own,
            "a client of {}",
            client.organization_id
        );
        Ok(())
    }

    /// The client that was asked for, with what no call changes.
    fn seeded(&self, client: &Client) -> Verdict {
        self.own(client)?;
        let index = some(self.asked.client)?;
        let (row, _) = self.rows.size.client(index);
        sure!(client.id == row.id.to_string(), "the client {}", client.id);
        let same = client.name == row.fields.name && client.email == row.fields.email;
        sure!(same, "name and e-mail {:?} {:?}", client.name, client.email);
        sure!(!client.etag.is_empty(), "no etag");
        Ok(())
    }

    /// All events that were loaded with it, the latest first.
    fn events(&self, client: &Client) -> Verdict {
        let (_, loaded) = self.rows.size.client(some(self.asked.client)?);
        let has = |id: String| client.events.iter().any(|event| event.id == id);
        let all = loaded.iter().all(|event| has(event.id.to_string()));
        sure!(all, "events are missing");
        let count = usize::try_from(client.event_count).ok();
        sure!(
            count == Some(client.events.len()),
            "{} events",
            client.event_count
        );
        let starts = client.events.iter().map(|event| {
            let at = event.starts_at.as_ref();
            at.map(|at| (at.seconds, at.nanos))
        });
        sure!(
            starts.is_sorted_by(
                |one, next| one.is_none() <= next.is_none() && (next.is_none() || one >= next)
            ),
            "events out of order"
        );
        Ok(())
    }

    /// How many clients the organization has at least: none is deleted.
    fn least(&self) -> i64 {
        self.rows.size.clients_of(self.asked.organization).into()
    }

    fn created(&self, request: &CreateClientRequest, client: &Client) -> Verdict {
        self.own(client)?;
        let same = client.name == request.name
            && client.email == request.email
            && client.phone == request.phone
            && client.r#type == request.r#type
            && client.rfc == request.rfc
            && client.notes == request.notes
            && client.assigned_to.as_ref().map(|user| &user.id) == request.assigned_to_id.as_ref();
        sure!(same, "another client than asked for: {client:?}");
        let actor = Some(self.asked.identity.user.to_string());
        sure!(
            client.created_by == actor,
            "created by {:?}",
            client.created_by
        );
        Ok(())
    }

    fn event(&self, event: &Event, id: &str) -> Verdict {
        let own = self.asked.identity.organization.to_string();
        sure!(
            event.organization_id == own,
            "an event of {}",
            event.organization_id
        );
        sure!(event.id == id, "the event {}", event.id);
        Ok(())
    }
}

fn history(answer: &ListClientHistoryResponse) -> Verdict {
    let times = answer.entries.iter().map(|entry| {
        let at = entry.at.as_ref();
        at.map(|at| (at.seconds, at.nanos))
    });
    sure!(times.is_sorted_by(|one, next| one >= next), "out of order");
    let first = some(answer.entries.last())?;
    let whole = answer.next_page_token.is_empty();
    let created = first.kind() == nvito_clients::grpc::proto::ClientHistoryKind::Created;
    sure!(created || !whole, "it begins with {:?}", first.kind());
    Ok(())
}

fn decoded<M: prost::Message + Default>(body: Bytes) -> Verdict<M> {
    M::decode(body).map_err(|error| format!("no answer of this kind: {error}"))
}

fn some<T>(value: Option<T>) -> Verdict<T> {
    value.ok_or_else(|| "something is missing in the answer".to_owned())
}
