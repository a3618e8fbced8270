//! What is asked: a message for any operation, about a random row.

use nvito_clients::grpc::proto::{
    AcquisitionSource, BatchGetClientsRequest, ClientPatch, ClientType, CreateClientRequest,
    GetClientRequest, GetEventRequest, LinkEventRequest, ListClientHistoryRequest,
    ListClientsRequest, ListMembersRequest, SuggestClientsRequest, SummarizeClientsRequest,
    SummaryGroup, TransitionClientRequest, UnlinkEventRequest, UpdateClientRequest,
    ValidateFiscalDataRequest,
};
use nvito_clients::seed::{Dice, Size, term};
use prost::bytes::Bytes;
use uuid::{Builder, Uuid};

use super::caller::{Identity, framed};
use super::operation::Operation;

/// Clients of one BatchGetClients.
const BATCH: usize = 20;
/// Letters of a name that somebody has typed when they are offered names.
const TYPED: usize = 4;

/// A call, before it is made.
pub(crate) struct Asked {
    pub(crate) operation: Operation,
    pub(crate) identity: Identity,
    /// By number, as [`Size`] counts.
    pub(crate) organization: u32,
    /// The client that it is about, if about one.
    pub(crate) client: Option<u32>,
    pub(crate) message: Message,
}

/// Its message.
pub(crate) enum Message {
    Get(GetClientRequest),
    BatchGet(BatchGetClientsRequest),
    List(ListClientsRequest),
    Suggest(SuggestClientsRequest),
    Create(Box<CreateClientRequest>),
    Update(Box<UpdateClientRequest>),
    Transition(TransitionClientRequest),
    History(ListClientHistoryRequest),
    Summarize(SummarizeClientsRequest),
    GetEvent(GetEventRequest),
    Link(LinkEventRequest),
    Unlink(UnlinkEventRequest),
    Fiscal(ValidateFiscalDataRequest),
    Members(ListMembersRequest),
}

impl Message {
    pub(crate) fn framed(&self) -> Bytes {
        match self {
            Self::Get(message) => framed(message),
            Self::BatchGet(message) => framed(message),
            Self::List(message) => framed(message),
            Self::Suggest(message) => framed(message),
            Self::Create(message) => framed(message.as_ref()),
            Self::Update(message) => framed(message.as_ref()),
            Self::Transition(message) => framed(message),
            Self::History(message) => framed(message),
            Self::Summarize(message) => framed(message),
            Self::GetEvent(message) => framed(message),
            Self::Link(message) => framed(message),
            Self::Unlink(message) => framed(message),
            Self::Fiscal(message) => framed(message),
            Self::Members(message) => framed(message),
        }
    }
}

/// Where random rows come from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) size: Size,
    /// Only this organization's.
    pub(crate) only: Option<u32>,
}

impl Rows {
    /// Any client, so that an organization is called as often as it has clients.
    pub(crate) fn client(self, dice: &mut Dice) -> (u32, u32) {
        let any = |dice: &mut Dice, bound: u32| {
            u32::try_from(dice.below(bound.into())).expect("less than a u32")
        };
        match self.only {
            Some(organization) => {
                let rank = any(dice, self.size.clients_of(organization));
                (organization, self.size.nth(organization, rank))
            }
            None => {
                let client = any(dice, self.size.clients);
                (self.size.place(client).0, client)
            }
        }
    }

    pub(crate) fn identity(self, organization: u32, dice: &mut Dice) -> Identity {
        Identity {
            user: self.size.member_id(organization, dice.roll()),
            organization: self.size.organization_id(organization),
        }
    }

    /// A call of the operation. `Transition` is to be told where to go.
    pub(crate) fn ask(self, operation: Operation, dice: &mut Dice) -> Asked {
        let (organization, client) = self.client(dice);
        let identity = self.identity(organization, dice);
        let id = self.size.client_id(client).to_string();
        let mut about = Some(client);
        let message = match operation {
            Operation::Get => Message::Get(get(id)),
            Operation::BatchGet => {
                let theirs = u64::from(self.size.clients_of(organization));
                let mut ranks: Vec<u64> = (0..BATCH).map(|_| dice.below(theirs)).collect();
                ranks.sort_unstable();
                ranks.dedup();
                let ids = ranks.into_iter().map(|rank| {
                    let rank = u32::try_from(rank).expect("less than a u32");
                    let client = self.size.nth(organization, rank);
                    self.size.client_id(client).to_string()
                });
                Message::BatchGet(BatchGetClientsRequest { ids: ids.collect() })
            }
            Operation::List | Operation::ListKeyset => Message::List(ListClientsRequest::default()),
            Operation::ListStatus => Message::List(ListClientsRequest {
                status: 1 + i32::try_from(dice.below(4)).expect("small"),
                ..ListClientsRequest::default()
            }),
            Operation::ListName => Message::List(ListClientsRequest {
                order_by: "name".to_owned(),
                ..ListClientsRequest::default()
            }),
            Operation::Search => Message::List(ListClientsRequest {
                search: term(&self.size.client(client).0, client),
                ..ListClientsRequest::default()
            }),
            Operation::Suggest => Message::Suggest(SuggestClientsRequest {
                query: (self.size.client(client).0.fields.name)
                    .chars()
                    .take(TYPED)
                    .collect(),
                ..SuggestClientsRequest::default()
            }),
            Operation::Create => {
                about = None;
                Message::Create(Box::new(self.create(organization, client, dice)))
            }
            Operation::Update => Message::Update(Box::new(UpdateClientRequest {
                id,
                client: Some(ClientPatch {
                    notes: Some(format!("Llamar el lunes: {:016x}", dice.roll())),
                    ..ClientPatch::default()
                }),
                request_id: request_id(dice),
                ..UpdateClientRequest::default()
            })),
            Operation::Transition => Message::Transition(TransitionClientRequest {
                id,
                request_id: request_id(dice),
                ..TransitionClientRequest::default()
            }),
            Operation::History => Message::History(ListClientHistoryRequest {
                client_id: id,
                ..ListClientHistoryRequest::default()
            }),
            Operation::Summarize => Message::Summarize(SummarizeClientsRequest {
                group_by: SummaryGroup::Status.into(),
                ..SummarizeClientsRequest::default()
            }),
            Operation::GetEvent => {
                let (event, of) = self.event(organization, client, dice);
                about = of;
                Message::GetEvent(GetEventRequest { id: event })
            }
            Operation::Link => Message::Link(LinkEventRequest {
                event_id: self.loose_event(organization, dice),
                client_id: id,
            }),
            Operation::Unlink => {
                about = None;
                Message::Unlink(UnlinkEventRequest {
                    event_id: self.loose_event(organization, dice),
                })
            }
            Operation::Fiscal => {
                let fields = self.size.client(client).0.fields;
                let rfc = fields
                    .rfc
                    .as_ref()
                    .map_or("XAXX010101000", |rfc| rfc.as_str());
                Message::Fiscal(ValidateFiscalDataRequest {
                    rfc: rfc.to_owned(),
                    r#type: client_type(fields.client_type).into(),
                })
            }
            Operation::Members => Message::Members(ListMembersRequest::default()),
        };
        Asked {
            operation,
            identity,
            organization,
            client: about,
            message,
        }
    }

    /// A client like another one, under an e-mail address of its own.
    fn create(self, organization: u32, like: u32, dice: &mut Dice) -> CreateClientRequest {
        let fields = self.size.client(like).0.fields;
        let assignee = self.size.member_id(organization, dice.roll());
        CreateClientRequest {
            name: fields.name,
            email: Some(format!("load{:016x}@example.com", dice.roll())),
            phone: fields.phone.map(|phone| phone.typed),
            r#type: client_type(fields.client_type).into(),
            rfc: fields.rfc.map(|rfc| rfc.as_str().to_owned()),
            acquisition_source: fields
                .acquisition_source
                .map_or(AcquisitionSource::Unspecified, |_| AcquisitionSource::Other)
                .into(),
            notes: fields.notes,
            assigned_to_id: fields.assigned_to.map(|_| assignee.to_string()),
            request_id: request_id(dice),
            ..CreateClientRequest::default()
        }
    }

    /// An event of the client, which was loaded with it, or one of nobody's.
    fn event(self, organization: u32, client: u32, dice: &mut Dice) -> (String, Option<u32>) {
        let (_, events) = self.size.client(client);
        if events.is_empty() {
            return (self.loose_event(organization, dice), None);
        }
        let which = dice.below(events.len() as u64);
        let event = &events[usize::try_from(which).expect("small")];
        (event.id.to_string(), Some(client))
    }

    fn loose_event(self, organization: u32, dice: &mut Dice) -> String {
        self.size
            .loose_event_id(organization, dice.roll())
            .to_string()
    }
}

pub(crate) fn get(id: String) -> GetClientRequest {
    GetClientRequest {
        id,
        show_deleted: false,
    }
}

fn request_id(dice: &mut Dice) -> String {
    let bits = (u128::from(dice.roll()) << 64) | u128::from(dice.roll());
    let id: Uuid = Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
    id.to_string()
}

fn client_type(of: nvito_clients::domain::client::ClientType) -> ClientType {
    match of {
        nvito_clients::domain::client::ClientType::Individual => ClientType::Individual,
        nvito_clients::domain::client::ClientType::Company => ClientType::Company,
    }
}
