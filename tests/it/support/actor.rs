//! Somebody who calls the service.

use nvito_clients::grpc::proto::client_service_client::ClientServiceClient;
use nvito_clients::grpc::proto::directory_service_client::DirectoryServiceClient;
use nvito_clients::grpc::proto::event_service_client::EventServiceClient;
use nvito_clients::grpc::proto::{
    Client, ClientHistoryEntry, ClientPatch, ClientStatus, CreateClientRequest,
    DeleteClientRequest, Event, GetClientRequest, GetEventRequest, LinkEventRequest,
    ListClientHistoryRequest, ListClientHistoryResponse, ListClientsRequest, ListClientsResponse,
    PurgeClientRequest, ReassignClientsRequest, ReassignClientsResponse, TransitionClientRequest,
    UndeleteClientRequest, UnlinkEventRequest, UpdateClientRequest,
};
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::failure::Failure;

type Carried = InterceptedService<Channel, Identity>;

/// A caller with an identity in its metadata.
#[derive(Clone)]
pub(crate) struct Actor {
    channel: Channel,
    identity: Identity,
}

/// Metadata of every call.
#[derive(Clone)]
pub(crate) struct Identity(Vec<(AsciiMetadataKey, AsciiMetadataValue)>);

impl Interceptor for Identity {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        for (key, value) in &self.0 {
            request.metadata_mut().append(key.clone(), value.clone());
        }
        Ok(request)
    }
}

impl Actor {
    pub(crate) fn new(channel: Channel, metadata: Vec<(&'static str, String)>) -> Self {
        let pair = |(key, value): (&'static str, String)| {
            (
                AsciiMetadataKey::from_static(key),
                value.parse().expect("ASCII"),
            )
        };
        Self {
            channel,
            identity: Identity(metadata.into_iter().map(pair).collect()),
        }
    }

    /// The same caller with one more piece of metadata.
    pub(crate) fn saying(mut self, key: &'static str, value: &str) -> Self {
        let pair = (
            AsciiMetadataKey::from_static(key),
            value.parse().expect("ASCII"),
        );
        self.identity.0.push(pair);
        self
    }

    /// The caller's user id.
    pub(crate) fn user_id(&self) -> String {
        let (_, id) = self
            .identity
            .0
            .iter()
            .find(|(key, _)| key == "x-user-id")
            .expect("an identity");
        id.to_str().expect("ASCII").to_owned()
    }

    /// A channel that carries the identity.
    pub(crate) fn carried(&self) -> Carried {
        InterceptedService::new(self.channel.clone(), self.identity.clone())
    }

    pub(crate) fn clients(&self) -> ClientServiceClient<Carried> {
        ClientServiceClient::new(self.carried())
    }

    pub(crate) fn directory(&self) -> DirectoryServiceClient<Carried> {
        DirectoryServiceClient::new(self.carried())
    }

    pub(crate) fn events(&self) -> EventServiceClient<Carried> {
        EventServiceClient::new(self.carried())
    }

    pub(crate) async fn create(&self, request: CreateClientRequest) -> Result<Client, Failure> {
        let answer = self.clients().create_client(request).await?;
        Ok(answer.into_inner().client.expect("a client"))
    }

    pub(crate) async fn get(&self, id: &str) -> Result<Client, Failure> {
        let request = GetClientRequest {
            id: id.to_owned(),
            show_deleted: false,
        };
        let answer = self.clients().get_client(request).await?;
        Ok(answer.into_inner().client.expect("a client"))
    }

    /// As [`get`](Self::get), deleted clients included.
    pub(crate) async fn even_deleted(&self, id: &str) -> Result<Client, Failure> {
        let request = GetClientRequest {
            id: id.to_owned(),
            show_deleted: true,
        };
        let answer = self.clients().get_client(request).await?;
        Ok(answer.into_inner().client.expect("a client"))
    }

    pub(crate) async fn list(
        &self,
        request: ListClientsRequest,
    ) -> Result<ListClientsResponse, Failure> {
        Ok(self.clients().list_clients(request).await?.into_inner())
    }

    /// Changes what is populated.
    pub(crate) async fn patch(&self, id: &str, patch: ClientPatch) -> Result<Client, Failure> {
        let request = UpdateClientRequest {
            id: id.to_owned(),
            client: Some(patch),
            ..UpdateClientRequest::default()
        };
        self.update(request).await
    }

    pub(crate) async fn update(&self, request: UpdateClientRequest) -> Result<Client, Failure> {
        let answer = self.clients().update_client(request).await?;
        Ok(answer.into_inner().client.expect("a client"))
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<Client, Failure> {
        let request = DeleteClientRequest {
            id: id.to_owned(),
            ..DeleteClientRequest::default()
        };
        let answer = self.clients().delete_client(request).await?;
        Ok(answer.into_inner().client.expect("a client"))
    }

    pub(crate) async fn transition(
        &self,
        id: &str,
        target: ClientStatus,
    ) -> Result<Client, Failure> {
        let request = TransitionClientRequest {
            id: id.to_owned(),
            target_status: target.into(),
            ..TransitionClientRequest::default()
        };
        self.step(request).await
    }

    pub(crate) async fn step(&self, request: TransitionClientRequest) -> Result<Client, Failure> {
        let answer = self.clients().transition_client(request).await?;
        Ok(answer.into_inner().client.expect("a client"))
    }

    pub(crate) async fn undelete(&self, id: &str) -> Result<Client, Failure> {
        let request = UndeleteClientRequest {
            id: id.to_owned(),
            ..UndeleteClientRequest::default()
        };
        let answer = self.clients().undelete_client(request).await?;
        Ok(answer.into_inner().client.expect("a client"))
    }

    pub(crate) async fn purge(&self, id: &str) -> Result<(), Failure> {
        let request = PurgeClientRequest { id: id.to_owned() };
        self.clients().purge_client(request).await?;
        Ok(())
    }

    /// The latest hundred entries, the latest first.
    pub(crate) async fn history(&self, id: &str) -> Result<Vec<ClientHistoryEntry>, Failure> {
        let request = ListClientHistoryRequest {
            client_id: id.to_owned(),
            limit: 100,
            ..ListClientHistoryRequest::default()
        };
        Ok(self.history_page(request).await?.entries)
    }

    pub(crate) async fn history_page(
        &self,
        request: ListClientHistoryRequest,
    ) -> Result<ListClientHistoryResponse, Failure> {
        let answer = self.clients().list_client_history(request).await?;
        Ok(answer.into_inner())
    }

    pub(crate) async fn reassign(
        &self,
        request: ReassignClientsRequest,
    ) -> Result<ReassignClientsResponse, Failure> {
        Ok(self.clients().reassign_clients(request).await?.into_inner())
    }

    pub(crate) async fn link(&self, event: &str, client: &str) -> Result<Event, Failure> {
        let request = LinkEventRequest {
            event_id: event.to_owned(),
            client_id: client.to_owned(),
        };
        let answer = self.events().link_event(request).await?;
        Ok(answer.into_inner().event.expect("an event"))
    }

    pub(crate) async fn unlink(&self, event: &str) -> Result<Event, Failure> {
        let event_id = event.to_owned();
        let request = UnlinkEventRequest { event_id };
        let answer = self.events().unlink_event(request).await?;
        Ok(answer.into_inner().event.expect("an event"))
    }

    pub(crate) async fn event(&self, id: &str) -> Result<Event, Failure> {
        let request = GetEventRequest { id: id.to_owned() };
        let answer = self.events().get_event(request).await?;
        Ok(answer.into_inner().event.expect("an event"))
    }
}

/// A client of which only the name is known.
pub(crate) fn client(name: &str) -> CreateClientRequest {
    CreateClientRequest {
        name: name.to_owned(),
        ..CreateClientRequest::default()
    }
}
