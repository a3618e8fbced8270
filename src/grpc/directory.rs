//! `DirectoryService`.

use tonic::{Request, Response, Status};

use super::call::{Call, Gate, PLAIN, write};
use super::convert::{directory as convert, event};
use super::proto::directory_service_server::DirectoryService;
use super::proto::{
    ListMembersRequest, ListMembersResponse, ListOrganizationsRequest, ListOrganizationsResponse,
    RemoveEventRequest, RemoveEventResponse, RemoveMemberRequest, RemoveMemberResponse,
    UpsertEventRequest, UpsertEventResponse, UpsertMemberRequest, UpsertMemberResponse,
    UpsertOrganizationRequest, UpsertOrganizationResponse,
};
use crate::domain::principal::Permission;
use crate::repository::{UpsertEvent, UpsertOrganization};

/// Copies of what the neighbours own.
pub(super) struct Directory {
    gate: Gate,
}

impl Directory {
    /// The service behind `gate`.
    pub(super) fn new(gate: Gate) -> Self {
        Self { gate }
    }
}

#[tonic::async_trait]
impl DirectoryService for Directory {
    async fn upsert_organization(
        &self,
        request: Request<UpsertOrganizationRequest>,
    ) -> Result<Response<UpsertOrganizationResponse>, Status> {
        let work = async |call: Call, message: UpsertOrganizationRequest| {
            let organization = convert::organization(&message)?;
            write(
                &call.repository()?,
                UpsertOrganization(organization),
                PLAIN,
                |written| {
                    let organization = Some(convert::to_organization(written));
                    UpsertOrganizationResponse { organization }
                },
            )
            .await
        };
        self.gate
            .answer(request, Permission::SuperAdmin, work)
            .await
    }

    async fn upsert_member(
        &self,
        request: Request<UpsertMemberRequest>,
    ) -> Result<Response<UpsertMemberResponse>, Status> {
        let work = async |call: Call, message: UpsertMemberRequest| {
            let member = convert::member(&message)?;
            write(&call.repository()?, member, PLAIN, |written| {
                UpsertMemberResponse {
                    member: Some(convert::to_member(written)),
                }
            })
            .await
        };
        self.gate
            .answer(request, Permission::SuperAdmin, work)
            .await
    }

    async fn remove_member(
        &self,
        request: Request<RemoveMemberRequest>,
    ) -> Result<Response<RemoveMemberResponse>, Status> {
        let work = async |call: Call, message: RemoveMemberRequest| {
            let removal = convert::removed_member(&message)?;
            write(&call.repository()?, removal, PLAIN, |()| {
                RemoveMemberResponse {}
            })
            .await
        };
        self.gate
            .answer(request, Permission::SuperAdmin, work)
            .await
    }

    async fn upsert_event(
        &self,
        request: Request<UpsertEventRequest>,
    ) -> Result<Response<UpsertEventResponse>, Status> {
        let work = async |call: Call, message: UpsertEventRequest| {
            let upsert = UpsertEvent(convert::event(&message)?);
            write(&call.repository()?, upsert, PLAIN, |written| {
                UpsertEventResponse {
                    event: Some(event::event(written)),
                }
            })
            .await
        };
        self.gate
            .answer(request, Permission::SuperAdmin, work)
            .await
    }

    async fn remove_event(
        &self,
        request: Request<RemoveEventRequest>,
    ) -> Result<Response<RemoveEventResponse>, Status> {
        let work = async |call: Call, message: RemoveEventRequest| {
            let removal = convert::removed_event(&message)?;
            write(&call.repository()?, removal, PLAIN, |()| {
                RemoveEventResponse {}
            })
            .await
        };
        self.gate
            .answer(request, Permission::SuperAdmin, work)
            .await
    }

    async fn list_organizations(
        &self,
        request: Request<ListOrganizationsRequest>,
    ) -> Result<Response<ListOrganizationsResponse>, Status> {
        let work = async |call: Call, message: ListOrganizationsRequest| {
            let (search, page) = convert::organizations(&message)?;
            let (found, meta) = call
                .repository()?
                .list_organizations(search.as_ref(), page)
                .await?;
            Ok(convert::listed_organizations(&found, &meta))
        };
        self.gate.read(request, Permission::SuperAdmin, work).await
    }

    async fn list_members(
        &self,
        request: Request<ListMembersRequest>,
    ) -> Result<Response<ListMembersResponse>, Status> {
        let work = async |call: Call, message: ListMembersRequest| {
            let repository = call.repository_of(&message.organization_id)?;
            let (search, page) = convert::members(&message, repository.scope().organization())?;
            let (found, meta) = repository.list_members(search.as_ref(), page).await?;
            Ok(convert::listed_members(&found, &meta))
        };
        self.gate.read(request, Permission::AdminPanel, work).await
    }
}
