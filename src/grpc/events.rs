//! `EventService`.

use tonic::{Request, Response, Status};

use super::call::{Call, Gate, PLAIN, write};
use super::convert::event as convert;
use super::proto::event_service_server::EventService;
use super::proto::{
    GetEventRequest, GetEventResponse, LinkEventRequest, LinkEventResponse, UnlinkEventRequest,
    UnlinkEventResponse,
};
use crate::domain::principal::Permission;

/// Whose the events are.
pub(super) struct Events {
    gate: Gate,
}

impl Events {
    /// The service behind `gate`.
    pub(super) fn new(gate: Gate) -> Self {
        Self { gate }
    }
}

#[tonic::async_trait]
impl EventService for Events {
    async fn link_event(
        &self,
        request: Request<LinkEventRequest>,
    ) -> Result<Response<LinkEventResponse>, Status> {
        let work = async |call: Call, message: LinkEventRequest| {
            let link = convert::link(&message)?;
            write(&call.repository()?, link, PLAIN, |linked| {
                let event = Some(convert::event(linked));
                LinkEventResponse { event }
            })
            .await
        };
        self.gate
            .answer(request, Permission::AdminPanel, work)
            .await
    }

    async fn unlink_event(
        &self,
        request: Request<UnlinkEventRequest>,
    ) -> Result<Response<UnlinkEventResponse>, Status> {
        let work = async |call: Call, message: UnlinkEventRequest| {
            let unlink = convert::unlink(&message)?;
            write(&call.repository()?, unlink, PLAIN, |unlinked| {
                let event = Some(convert::event(unlinked));
                UnlinkEventResponse { event }
            })
            .await
        };
        self.gate
            .answer(request, Permission::AdminPanel, work)
            .await
    }

    async fn get_event(
        &self,
        request: Request<GetEventRequest>,
    ) -> Result<Response<GetEventResponse>, Status> {
        let work = async |call: Call, message: GetEventRequest| {
            let id = convert::id(&message)?;
            let found = call.repository()?.event(id).await?;
            Ok(GetEventResponse {
                event: Some(convert::event(&found)),
            })
        };
        self.gate.read(request, Permission::AdminPanel, work).await
    }
}
