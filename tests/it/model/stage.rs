//! The service as a sequence meets it: an organization of its own, and the ids
//! behind what the steps name.

use nvito_clients::grpc::proto::{
    Client, ClientPatch, CreateClientRequest, DeleteClientRequest, Event, ReassignClientsRequest,
    ReassignClientsResponse, RemoveEventRequest, RemoveMemberRequest, TransitionClientRequest,
    UndeleteClientRequest, UpdateClientRequest, UpsertEventRequest, UpsertMemberRequest, User,
};
use prost_types::FieldMask;

use super::book::{Book, Member};
use super::steps::{Change, Edit, How, Pick, SLOTS, Step};
use crate::support::{Actor, App, Failure, nobody};

/// One organization and who calls for it.
pub(super) struct Stage {
    pub(super) organization: String,
    /// Its Platform Admin.
    pub(super) tenant: Actor,
    pub(super) super_admin: Actor,
    pub(super) clients: Vec<String>,
    pub(super) members: [String; SLOTS as usize],
    pub(super) events: [String; SLOTS as usize],
    /// The last write that succeeded and had a request id.
    pub(super) last: Option<(Call, Reply)>,
}

/// A step as it is sent.
#[derive(Debug, Clone)]
pub(super) enum Call {
    Create(CreateClientRequest),
    Update(UpdateClientRequest),
    Transition(TransitionClientRequest),
    Delete(DeleteClientRequest),
    Undelete(UndeleteClientRequest),
    Reassign(ReassignClientsRequest),
    Purge(String),
    Link(String, String),
    Unlink(String),
    UpsertEvent(UpsertEventRequest),
    RemoveEvent(RemoveEventRequest),
    UpsertMember(UpsertMemberRequest),
    RemoveMember(RemoveMemberRequest),
}

/// What it answers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    Client(Box<Client>),
    Event(Box<Event>),
    Moved(ReassignClientsResponse),
    Nothing,
}

impl Stage {
    /// A new organization as `book` begins.
    pub(super) async fn set(app: &App, book: &Book) -> Self {
        let org = app.org("Modelo").await;
        let stage = Self {
            tenant: org.platform_admin(),
            super_admin: app.super_admin(),
            organization: org.id,
            clients: Vec::new(),
            members: [(); SLOTS as usize].map(|()| nobody()),
            events: [(); SLOTS as usize].map(|()| nobody()),
            last: None,
        };
        for (member, known) in (0..).zip(book.members) {
            if known != Member::Absent {
                let active = known == Member::Active;
                let call = Call::UpsertMember(stage.upsert_member(member, active));
                stage.send(&call).await.expect("upserted");
            }
        }
        for (event, known) in (0..).zip(book.events) {
            if known.is_some() {
                let call = Call::UpsertEvent(stage.upsert_event(event));
                stage.send(&call).await.expect("upserted");
            }
        }
        stage
    }

    /// The call of a step taken where `book` says things stand; none where
    /// there is nothing to repeat.
    pub(super) fn call(&self, step: &Step, book: &Book) -> Option<Call> {
        let id = |client: &Pick| match book.pick(*client) {
            Some(at) => self.clients[at].clone(),
            None => nobody(),
        };
        let etag = |client: &Pick, how: How| match (how, book.pick(*client)) {
            (How::Knowing, Some(at)) => book.clients[at].etag(),
            (How::Mistaken, _) => "00000000".to_owned(),
            _ => String::new(),
        };
        Some(match step {
            Step::Create { new, validate_only } => Call::Create(CreateClientRequest {
                name: new.name.to_owned(),
                email: new.email.map(str::to_owned),
                status: new.status.into(),
                assigned_to_id: new.assignee.map(|member| self.member(member)),
                request_id: nobody(),
                validate_only: *validate_only,
                ..CreateClientRequest::default()
            }),
            Step::Update {
                client,
                change,
                how,
            } => Call::Update(UpdateClientRequest {
                id: id(client),
                client: Some(self.patch(change)),
                update_mask: change.masked.then(|| mask(change)),
                etag: etag(client, *how),
                request_id: nobody(),
                validate_only: step.validates_only(),
            }),
            Step::Transition { client, to, how } => Call::Transition(TransitionClientRequest {
                id: id(client),
                target_status: (*to).into(),
                reason: String::new(),
                etag: etag(client, *how),
                request_id: nobody(),
                validate_only: step.validates_only(),
            }),
            Step::Delete { client, how } => Call::Delete(DeleteClientRequest {
                id: id(client),
                etag: etag(client, *how),
                request_id: nobody(),
                validate_only: step.validates_only(),
            }),
            Step::Undelete { client } => Call::Undelete(UndeleteClientRequest {
                id: id(client),
                request_id: nobody(),
            }),
            Step::Purge { client } => Call::Purge(id(client)),
            Step::Link { event, client } => Call::Link(self.event(*event), id(client)),
            Step::Unlink { event } => Call::Unlink(self.event(*event)),
            Step::UpsertEvent { event } => Call::UpsertEvent(self.upsert_event(*event)),
            Step::RemoveEvent { event } => Call::RemoveEvent(RemoveEventRequest {
                id: self.event(*event),
            }),
            Step::UpsertMember { member, active } => {
                Call::UpsertMember(self.upsert_member(*member, *active))
            }
            Step::RemoveMember { member } => Call::RemoveMember(RemoveMemberRequest {
                organization_id: self.organization.clone(),
                user_id: self.member(*member),
            }),
            Step::Reassign {
                from,
                to,
                validate_only,
            } => Call::Reassign(ReassignClientsRequest {
                from_user_id: self.member(*from),
                to_user_id: to.map(|member| self.member(member)).unwrap_or_default(),
                unassign: to.is_none(),
                organization_id: String::new(),
                request_id: nobody(),
                validate_only: *validate_only,
            }),
            Step::Repeat => self.last.as_ref()?.0.clone(),
        })
    }

    /// Makes a call.
    pub(super) async fn send(&self, call: &Call) -> Result<Reply, Failure> {
        let (tenant, super_admin) = (&self.tenant, &self.super_admin);
        let client = |client| Reply::Client(Box::new(client));
        let event = |event| Reply::Event(Box::new(event));
        match call.clone() {
            Call::Create(request) => tenant.create(request).await.map(client),
            Call::Update(request) => tenant.update(request).await.map(client),
            Call::Transition(request) => {
                let answer = tenant.clients().transition_client(request).await?;
                Ok(client(answer.into_inner().client.expect("a client")))
            }
            Call::Delete(request) => {
                let answer = super_admin.clients().delete_client(request).await?;
                Ok(client(answer.into_inner().client.expect("a client")))
            }
            Call::Undelete(request) => {
                let answer = super_admin.clients().undelete_client(request).await?;
                Ok(client(answer.into_inner().client.expect("a client")))
            }
            Call::Reassign(request) => tenant.reassign(request).await.map(Reply::Moved),
            Call::Purge(id) => super_admin.purge(&id).await.map(|()| Reply::Nothing),
            Call::Link(id, client) => tenant.link(&id, &client).await.map(event),
            Call::Unlink(id) => tenant.unlink(&id).await.map(event),
            Call::UpsertEvent(request) => {
                let answer = super_admin.directory().upsert_event(request).await?;
                Ok(event(answer.into_inner().event.expect("an event")))
            }
            Call::RemoveEvent(request) => {
                super_admin.directory().remove_event(request).await?;
                Ok(Reply::Nothing)
            }
            Call::UpsertMember(request) => {
                super_admin.directory().upsert_member(request).await?;
                Ok(Reply::Nothing)
            }
            Call::RemoveMember(request) => {
                super_admin.directory().remove_member(request).await?;
                Ok(Reply::Nothing)
            }
        }
    }

    fn member(&self, member: u8) -> String {
        self.members[usize::from(member)].clone()
    }

    fn event(&self, event: u8) -> String {
        self.events[usize::from(event)].clone()
    }

    fn upsert_member(&self, member: u8, active: bool) -> UpsertMemberRequest {
        UpsertMemberRequest {
            organization_id: self.organization.clone(),
            user: Some(User {
                id: self.member(member),
                first_name: "Luz".to_owned(),
                ..User::default()
            }),
            active: Some(active),
        }
    }

    fn upsert_event(&self, event: u8) -> UpsertEventRequest {
        UpsertEventRequest {
            id: self.event(event),
            organization_id: self.organization.clone(),
            name: "Boda".to_owned(),
            starts_at: None,
        }
    }

    fn patch(&self, change: &Change) -> ClientPatch {
        let given = |edit: Edit<String>| match edit {
            Edit::Keep => None,
            // Absent where a mask names it.
            Edit::Clear => (!change.masked).then(String::new),
            Edit::Set(value) => Some(value),
        };
        ClientPatch {
            name: change.name.map(str::to_owned),
            email: given(change.email.map(str::to_owned)),
            notes: given(change.notes.map(str::to_owned)),
            status: change.status.map(Into::into),
            assigned_to_id: given(change.assignee.map(|member| self.member(member))),
            ..ClientPatch::default()
        }
    }
}

impl Call {
    /// Whether it had a request id, and wrote.
    pub(super) fn is_repeatable(&self) -> bool {
        match self {
            Self::Create(request) => !request.validate_only,
            Self::Update(request) => !request.validate_only,
            Self::Transition(request) => !request.validate_only,
            Self::Delete(request) => !request.validate_only,
            Self::Reassign(request) => !request.validate_only,
            Self::Undelete(_) => true,
            _ => false,
        }
    }
}

fn mask(change: &Change) -> FieldMask {
    let named = [
        ("name", change.name.is_some()),
        ("email", change.email != Edit::Keep),
        ("notes", change.notes != Edit::Keep),
        ("status", change.status.is_some()),
        ("assigned_to_id", change.assignee != Edit::Keep),
    ];
    let paths = named.into_iter().filter(|(_, named)| *named);
    FieldMask {
        paths: paths.map(|(path, _)| path.to_owned()).collect(),
    }
}
