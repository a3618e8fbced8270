//! `ClientService`.

use tonic::{Request, Response, Status};

use super::call::{Call, Gate, PLAIN, Write, fingerprint, idempotency, write};
use super::convert::{
    answer, client as convert, fiscal, history, list, reassign, suggest, summary,
};
use super::proto::client_service_server::ClientService;
use super::proto::{
    BatchGetClientsRequest, BatchGetClientsResponse, CreateClientRequest, CreateClientResponse,
    DeleteClientRequest, DeleteClientResponse, GetClientRequest, GetClientResponse,
    ListClientHistoryRequest, ListClientHistoryResponse, ListClientsRequest, ListClientsResponse,
    PurgeClientRequest, PurgeClientResponse, ReassignClientsRequest, ReassignClientsResponse,
    SuggestClientsRequest, SuggestClientsResponse, SummarizeClientsRequest,
    SummarizeClientsResponse, TransitionClientRequest, TransitionClientResponse,
    UndeleteClientRequest, UndeleteClientResponse, UpdateClientRequest, UpdateClientResponse,
    ValidateFiscalDataRequest, ValidateFiscalDataResponse,
};
use crate::domain::principal::Permission;
use crate::repository::{CreateClient, DeleteClient, PurgeClient, UndeleteClient, UpdateClient};

/// The clients of an organization.
pub(super) struct Clients {
    gate: Gate,
}

impl Clients {
    /// The service behind `gate`.
    pub(super) fn new(gate: Gate) -> Self {
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
                client: Some(answer::client(client, call.language)),
            })
        };
        self.gate.read(request, Permission::AdminPanel, work).await
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
            let whole = list::without_position(&message);
            let token_of = fingerprint(&repository, "ListClients", &whole);
            let asked = list::list(&message, &token_of)?;
            let found = repository
                .list_clients(&asked.filter, asked.order, asked.position)
                .await?;
            Ok(answer::listed(found, &token_of, call.language))
        };
        self.gate.read(request, Permission::AdminPanel, work).await
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

    async fn undelete_client(
        &self,
        request: Request<UndeleteClientRequest>,
    ) -> Result<Response<UndeleteClientResponse>, Status> {
        let work = async |call: Call, message: UndeleteClientRequest| {
            let repository = call.repository()?;
            let (id, request) = convert::undelete(&message)?;
            let how = Write {
                validate_only: false,
                idempotency: idempotency(request, &repository, "UndeleteClient", &message),
            };
            let reply = answer::reply(call.language, |client| UndeleteClientResponse { client });
            write(&repository, UndeleteClient(id), how, reply).await
        };
        self.gate
            .answer(request, Permission::SuperAdmin, work)
            .await
    }

    async fn purge_client(
        &self,
        request: Request<PurgeClientRequest>,
    ) -> Result<Response<PurgeClientResponse>, Status> {
        let work = async |call: Call, message: PurgeClientRequest| {
            let id = convert::id(&message.id)?;
            write(&call.repository()?, PurgeClient(id), PLAIN, |()| {
                PurgeClientResponse {}
            })
            .await
        };
        self.gate
            .answer(request, Permission::SuperAdmin, work)
            .await
    }

    async fn transition_client(
        &self,
        request: Request<TransitionClientRequest>,
    ) -> Result<Response<TransitionClientResponse>, Status> {
        let work = async |call: Call, message: TransitionClientRequest| {
            let repository = call.repository()?;
            let asked = convert::transition(&message)?;
            let how = Write {
                validate_only: message.validate_only,
                idempotency: idempotency(asked.request, &repository, "TransitionClient", &message),
            };
            let reply = answer::reply(call.language, |client| TransitionClientResponse { client });
            write(&repository, asked.change, how, reply).await
        };
        self.gate
            .answer(request, Permission::AdminPanel, work)
            .await
    }

    async fn batch_get_clients(
        &self,
        request: Request<BatchGetClientsRequest>,
    ) -> Result<Response<BatchGetClientsResponse>, Status> {
        let work = async |call: Call, message: BatchGetClientsRequest| {
            let ids = convert::ids(&message)?;
            let found = call.repository()?.clients(&ids).await?;
            Ok(answer::batch(&ids, found, call.language))
        };
        self.gate.read(request, Permission::AdminPanel, work).await
    }

    async fn suggest_clients(
        &self,
        request: Request<SuggestClientsRequest>,
    ) -> Result<Response<SuggestClientsResponse>, Status> {
        let work = async |call: Call, message: SuggestClientsRequest| {
            let repository = call.repository_of(&message.organization_id)?;
            let (typed, limit) = suggest::suggest(&message, repository.scope().organization())?;
            let found = repository.suggest(&typed, limit).await?;
            Ok(suggest::suggested(found))
        };
        self.gate.read(request, Permission::AdminPanel, work).await
    }

    async fn list_client_history(
        &self,
        request: Request<ListClientHistoryRequest>,
    ) -> Result<Response<ListClientHistoryResponse>, Status> {
        let work = async |call: Call, message: ListClientHistoryRequest| {
            let repository = call.repository()?;
            let whole = history::without_position(&message);
            let token_of = fingerprint(&repository, "ListClientHistory", &whole);
            let asked = history::page(&message, &token_of)?;
            let deleted = call.may(Permission::SuperAdmin);
            let found = repository
                .client_history(asked.client, asked.before, asked.limit, deleted)
                .await?;
            Ok(history::listed(&found, &token_of))
        };
        self.gate.read(request, Permission::AdminPanel, work).await
    }

    async fn validate_fiscal_data(
        &self,
        request: Request<ValidateFiscalDataRequest>,
    ) -> Result<Response<ValidateFiscalDataResponse>, Status> {
        let work = async |call: Call, message: ValidateFiscalDataRequest| {
            fiscal::validate(&message, call.language)
        };
        self.gate
            .answer(request, Permission::AdminPanel, work)
            .await
    }

    async fn reassign_clients(
        &self,
        request: Request<ReassignClientsRequest>,
    ) -> Result<Response<ReassignClientsResponse>, Status> {
        let work = async |call: Call, message: ReassignClientsRequest| {
            let repository = call.repository_of(&message.organization_id)?;
            let organization = repository.scope().organization();
            let (change, request) = reassign::reassign(&message, organization)?;
            let how = Write {
                validate_only: message.validate_only,
                idempotency: idempotency(request, &repository, "ReassignClients", &message),
            };
            write(&repository, change, how, reassign::reassigned).await
        };
        self.gate
            .answer(request, Permission::AdminPanel, work)
            .await
    }

    async fn summarize_clients(
        &self,
        request: Request<SummarizeClientsRequest>,
    ) -> Result<Response<SummarizeClientsResponse>, Status> {
        let work = async |call: Call, message: SummarizeClientsRequest| {
            let repository = call.repository_of(&message.organization_id)?;
            let (group, period) = summary::summary(&message)?;
            let rows = repository.summarize(group, period).await?;
            Ok(summary::summarized(rows))
        };
        self.gate.read(request, Permission::AdminPanel, work).await
    }
}
