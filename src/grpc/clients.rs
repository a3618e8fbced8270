//! `ClientService`.

use tonic::{Request, Response, Status};

use super::call::{Call, Gate, Write, fingerprint, idempotency, write};
use super::convert::{answer, client as convert};
use super::proto::client_service_server::ClientService;
use super::proto::{
    CreateClientRequest, CreateClientResponse, DeleteClientRequest, DeleteClientResponse,
    GetClientRequest, GetClientResponse, ListClientsRequest, ListClientsResponse,
    UpdateClientRequest, UpdateClientResponse,
};
use crate::domain::principal::Permission;
use crate::repository::{CreateClient, DeleteClient, UpdateClient};

/// The clients of an organization.
pub struct Clients {
    gate: Gate,
}

impl Clients {
    /// The service behind `gate`.
    pub fn new(gate: Gate) -> Self {
        Self { gate }
    }
}

#[tonic::async_trait]
impl ClientService for Clients {
    async fn create_client(
        &self,
        request: Request<CreateClientRequest>,
    ) -> Result<Response<CreateClientResponse>, Status> {
        let work = async |call: Call, message: CreateClientRequest| {
            let repository = call.repository_of(&message.organization_id)?;
            let asked = convert::create(&message, repository.scope().organization())?;
            let how = Write {
                validate_only: message.validate_only,
                idempotency: idempotency(asked.request, &repository, "CreateClient", &message),
            };
            let reply = answer::reply(call.language, |client| CreateClientResponse { client });
            write(&repository, CreateClient(asked.client), how, reply).await
        };
        self.gate
            .answer(request, Permission::AdminPanel, work)
            .await
    }

    async fn get_client(
        &self,
        request: Request<GetClientRequest>,
    ) -> Result<Response<GetClientResponse>, Status> {
        let work = async |call: Call, message: GetClientRequest| {
            if message.show_deleted {
                call.require(Permission::SuperAdmin)?;
            }
            let id = convert::id(&message.id)?;
            let client = call.repository()?.client(id, message.show_deleted).await?;
            Ok(GetClientResponse {
                client: Some(answer::client(&client, call.language)),
            })
        };
        self.gate
            .answer(request, Permission::AdminPanel, work)
            .await
    }

    async fn list_clients(
        &self,
        request: Request<ListClientsRequest>,
    ) -> Result<Response<ListClientsResponse>, Status> {
        let work = async |call: Call, message: ListClientsRequest| {
            if message.show_deleted {
                call.require(Permission::SuperAdmin)?;
            }
            let repository = call.repository_of(&message.organization_id)?;
            let whole = convert::without_position(&message);
            let token_of = fingerprint(&repository, "ListClients", &whole);
            let asked = convert::list(&message, &token_of)?;
            let list = repository
                .list_clients(&asked.filter, asked.order, asked.position)
                .await?;
            Ok(answer::listed(&list, &token_of, call.language))
        };
        self.gate
            .answer(request, Permission::AdminPanel, work)
            .await
    }

    async fn update_client(
        &self,
        request: Request<UpdateClientRequest>,
    ) -> Result<Response<UpdateClientResponse>, Status> {
        let work = async |call: Call, message: UpdateClientRequest| {
            let repository = call.repository()?;
            let asked = convert::update(&message)?;
            let how = Write {
                validate_only: message.validate_only,
                idempotency: idempotency(asked.request, &repository, "UpdateClient", &message),
            };
            let change = UpdateClient {
                id: asked.id,
                patch: asked.patch,
                etag: asked.etag,
            };
            let reply = answer::reply(call.language, |client| UpdateClientResponse { client });
            write(&repository, change, how, reply).await
        };
        self.gate
            .answer(request, Permission::AdminPanel, work)
            .await
    }

    async fn delete_client(
        &self,
        request: Request<DeleteClientRequest>,
    ) -> Result<Response<DeleteClientResponse>, Status> {
        let work = async |call: Call, message: DeleteClientRequest| {
            let repository = call.repository()?;
            let asked = convert::delete(&message)?;
            let how = Write {
                validate_only: message.validate_only,
                idempotency: idempotency(asked.request, &repository, "DeleteClient", &message),
            };
            let deletion = DeleteClient {
                id: asked.id,
                etag: asked.etag,
            };
            let reply = answer::reply(call.language, |client| DeleteClientResponse { client });
            write(&repository, deletion, how, reply).await
        };
        self.gate
            .answer(request, Permission::SuperAdmin, work)
            .await
    }
}
