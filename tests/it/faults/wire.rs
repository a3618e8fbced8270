//! A caller that costs little, waits longer than it says, and can hang up.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nvito_clients::grpc::proto::{
    Client, ClientPatch, CreateClientRequest, GetClientRequest, ListClientsRequest,
    UpdateClientRequest,
};
use prost::Message;
use prost::bytes::Bytes;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::codegen::http;
use tonic::{Code, Status};

use super::server::PATIENCE;
use crate::support::{Failure, nobody};

/// One HTTP/2 connection.
#[derive(Clone)]
pub(crate) struct Wire(h2::client::SendRequest<Bytes>);

/// A request, ready to be sent any number of times.
#[derive(Clone)]
pub(crate) struct Prepared {
    head: http::Request<()>,
    body: Bytes,
}

/// What was heard of a call.
#[derive(Debug)]
pub(crate) enum Heard {
    Ok,
    Failed(Box<Failure>),
    /// The connection ended first.
    Nothing,
}

impl Heard {
    pub(crate) fn is_ok(&self) -> bool {
        matches!(self, Self::Ok)
    }

    /// `OK`, the reason, or that there was no answer.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Ok => "OK",
            Self::Failed(failure) if failure.reason.is_empty() => "no reason",
            Self::Failed(failure) => &failure.reason,
            Self::Nothing => "no answer",
        }
    }

    /// Whether it is a failure of this code and reason that says when to come again.
    pub(crate) fn is(&self, code: Code, reason: &str) -> bool {
        matches!(self, Self::Failed(failure) if failure.code == code
            && failure.reason == reason
            && failure.details.retry_info().is_some())
    }
}

impl Wire {
    pub(crate) async fn open(address: &str) -> Option<Self> {
        let address: SocketAddr = address.parse().expect("an address");
        let stream = TcpStream::connect(address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let (sender, connection) = h2::client::handshake(stream).await.ok()?;
        tokio::spawn(connection);
        Some(Self(sender))
    }

    /// Calls; dropped, it cancels the call.
    pub(crate) async fn call(&self, request: &Prepared) -> Heard {
        self.told(request).await.unwrap_or(Heard::Nothing)
    }

    /// Calls, and says how long that took.
    pub(crate) async fn timed(&self, request: &Prepared) -> (Heard, Duration) {
        let began = Instant::now();
        let heard = timeout(PATIENCE, self.call(request)).await;
        (heard.unwrap_or(Heard::Nothing), began.elapsed())
    }

    async fn told(&self, request: &Prepared) -> Result<Heard, h2::Error> {
        let mut sender = self.0.clone().ready().await?;
        let (answer, mut body) = sender.send_request(request.head.clone(), false)?;
        body.send_data(request.body.clone(), true)?;
        let (head, mut body) = answer.await?.into_parts();
        while let Some(chunk) = body.data().await {
            let chunk = chunk?;
            body.flow_control().release_capacity(chunk.len())?;
        }
        let trailers = body.trailers().await?.unwrap_or(head.headers);
        Ok(match Status::from_header_map(&trailers) {
            Some(status) if status.code() == Code::Ok => Heard::Ok,
            Some(status) => Heard::Failed(Box::new(status.into())),
            None => Heard::Nothing,
        })
    }
}

impl Prepared {
    /// A call by a Platform Admin of the organization.
    pub(crate) fn new(
        address: &str,
        organization: &str,
        method: &str,
        message: &impl Message,
    ) -> Self {
        let head = http::Request::post(format!("http://{address}/{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("x-user-id", nobody())
            .header("x-role", "PLATFORM_ADMIN")
            .header("x-organization-id", organization)
            .body(())
            .expect("a request");
        let length = u32::try_from(message.encoded_len()).expect("short");
        let frame = [&[0][..], &length.to_be_bytes(), &message.encode_to_vec()].concat();
        Self {
            head,
            body: frame.into(),
        }
    }

    pub(crate) fn get(address: &str, organization: &str, id: &str) -> Self {
        let message = GetClientRequest {
            id: id.to_owned(),
            show_deleted: false,
        };
        Self::of(address, organization, "GetClient", &message)
    }

    pub(crate) fn list(address: &str, organization: &str) -> Self {
        Self::of(
            address,
            organization,
            "ListClients",
            &ListClientsRequest::default(),
        )
    }

    pub(crate) fn create(address: &str, organization: &str, name: &str) -> Self {
        Self::of(
            address,
            organization,
            "CreateClient",
            &crate::support::client(name),
        )
    }

    pub(crate) fn update(
        address: &str,
        organization: &str,
        client: &Client,
        patch: ClientPatch,
    ) -> Self {
        let message = UpdateClientRequest {
            id: client.id.clone(),
            client: Some(patch),
            ..UpdateClientRequest::default()
        };
        Self::of(address, organization, "UpdateClient", &message)
    }

    pub(crate) fn create_as(address: &str, organization: &str, new: &CreateClientRequest) -> Self {
        Self::of(address, organization, "CreateClient", new)
    }

    fn of(address: &str, organization: &str, method: &str, message: &impl Message) -> Self {
        let method = format!("nvito.clients.v1.ClientService/{method}");
        Self::new(address, organization, &method, message)
    }

    /// The same call with a deadline, which the caller itself does not keep.
    pub(crate) fn within(mut self, time: Duration) -> Self {
        let value = format!("{}m", time.as_millis());
        let value = value.parse().expect("ASCII");
        self.head.headers_mut().insert("grpc-timeout", value);
        self
    }
}
