//! The caller's end of a connection: unary gRPC on HTTP/2 frames, no more, as
//! every microsecond of the caller is one that the service does not get.

use std::net::SocketAddr;

use h2::client::SendRequest;
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};
use nvito_clients::domain::ids::{OrganizationId, UserId};
use nvito_clients::error::Cause;
use prost::Message;
use prost::bytes::{BufMut, Bytes, BytesMut};
use tokio::net::TcpStream;
use uuid::Uuid;

/// More than all answers in flight: nobody waits for a window.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 64 << 20;
/// Compressed or not, and the length.
const PREFIX: usize = 5;
/// `grpc-status` of an answer that has none, or whose stream broke.
pub(crate) const UNKNOWN: i32 = 2;
pub(crate) const UNAVAILABLE: i32 = 14;

/// A connection, shared by those who clone it.
#[derive(Clone)]
pub(crate) struct Connection {
    sender: SendRequest<Bytes>,
    address: SocketAddr,
}

/// Who calls: a Platform Admin of an organization.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) user: UserId,
    pub(crate) organization: OrganizationId,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    /// `grpc-status`.
    pub(crate) code: i32,
    /// The message, encoded; empty where there is none. With a failure, what it says.
    pub(crate) body: Bytes,
}

impl Connection {
    /// Connects; the frames are driven by a task of their own.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Cause> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| format!("nobody answers on {address}: {error}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = h2::client::Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .enable_push(false)
            .handshake(stream)
            .await?;
        tokio::spawn(async move {
            // Those who call on it hear of its end themselves.
            let _ = connection.await;
        });
        Ok(Self { sender, address })
    }

    /// Where a method of the service is called on this connection.
    pub(crate) fn uri(&self, method: &str) -> Uri {
        let uri = format!("http://{}/nvito.clients.v1.{method}", self.address);
        uri.parse().expect("an address and a method")
    }

    /// One call, to its end. A broken stream is UNAVAILABLE.
    pub(crate) async fn call(&self, uri: Uri, identity: Identity, message: Bytes) -> Reply {
        match self.exchange(uri, identity, message).await {
            Ok(reply) => reply,
            Err(error) => Reply {
                code: UNAVAILABLE,
                body: error.to_string().into(),
            },
        }
    }

    async fn exchange(
        &self,
        uri: Uri,
        identity: Identity,
        message: Bytes,
    ) -> Result<Reply, h2::Error> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers(identity);
        let mut sender = self.sender.clone().ready().await?;
        let (answer, mut sending) = sender.send_request(request, false)?;
        sending.send_data(message, true)?;

        let (head, mut receiving) = answer.await?.into_parts();
        let mut body = Bytes::new();
        while let Some(part) = receiving.data().await {
            let part = part?;
            receiving.flow_control().release_capacity(part.len())?;
            body = if body.is_empty() {
                part
            } else {
                [body, part].concat().into()
            };
        }
        let trailers = receiving.trailers().await?;
        let told = trailers.as_ref().unwrap_or(&head.headers);
        let code = told
            .get("grpc-status")
            .and_then(|code| code.to_str().ok()?.parse().ok());
        let code = code.unwrap_or(UNKNOWN);
        let body = if code == 0 && body.len() >= PREFIX {
            body.slice(PREFIX..)
        } else {
            let said = told.get("grpc-message").map(HeaderValue::as_bytes);
            Bytes::copy_from_slice(said.unwrap_or_default())
        };
        Ok(Reply { code, body })
    }
}

/// The message with its prefix, as it goes on the wire.
pub(crate) fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(PREFIX + length);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    message.encode(&mut frame).expect("room for all of it");
    frame.freeze()
}

fn headers(identity: Identity) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert("x-role", HeaderValue::from_static("PLATFORM_ADMIN"));
    headers.insert("x-user-id", value(identity.user.0));
    headers.insert("x-organization-id", value(identity.organization.0));
    headers
}

fn value(id: Uuid) -> HeaderValue {
    let mut text = Uuid::encode_buffer();
    let text = id.hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).expect("digits, letters and hyphens")
}
