//! Which service a call is for.
//!
//! Ours are found by the name in the path and called as they are. tonic's own
//! routes are axum's, which clone a boxed service for each call and put its answer
//! into bodies of their own; they have what is left: health, reflection, and calls
//! of what there is not.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tower::{Layer, Service};

use super::identity::{Identified, IdentityLayer};
use super::layers::MESSAGE_MOST;
use super::proto::client_service_server::ClientServiceServer;
use super::proto::directory_service_server::DirectoryServiceServer;
use super::proto::event_service_server::EventServiceServer;
use super::{Clients, Directory, Events, Gate};

/// All services of a server, by their path.
#[derive(Clone)]
pub struct Services {
    clients: Identified<ClientServiceServer<Clients>>,
    events: Identified<EventServiceServer<Events>>,
    directory: Identified<DirectoryServiceServer<Directory>>,
    others: Routes,
}

impl Services {
    /// Ours behind `gate` and `identity`, beside `others`.
    pub fn new(gate: &Gate, identity: &IdentityLayer, others: Routes) -> Self {
        let clients = ClientServiceServer::new(Clients::new(gate.clone()));
        let events = EventServiceServer::new(Events::new(gate.clone()));
        let directory = DirectoryServiceServer::new(Directory::new(gate.clone()));
        Self {
            clients: identity.layer(clients.max_decoding_message_size(MESSAGE_MOST)),
            events: identity.layer(events.max_decoding_message_size(MESSAGE_MOST)),
            directory: identity.layer(directory.max_decoding_message_size(MESSAGE_MOST)),
            others: others.prepare(),
        }
    }
}

impl Service<Request<Body>> for Services {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Whom the next call is for is not known; none of them ever waits.
        ready!(self.clients.poll_ready(cx))?;
        ready!(self.events.poll_ready(cx))?;
        ready!(self.directory.poll_ready(cx))?;
        Service::<Request<Body>>::poll_ready(&mut self.others, cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let name = service(request.uri().path());
        if is(&self.clients, name) {
            self.clients.call(request)
        } else if is(&self.events, name) {
            self.events.call(request)
        } else if is(&self.directory, name) {
            self.directory.call(request)
        } else {
            Box::pin(self.others.call(request))
        }
    }
}

/// The service that a path names, if it names a method as well.
fn service(path: &str) -> Option<&str> {
    let (name, method) = path.strip_prefix('/')?.split_once('/')?;
    (!method.is_empty()).then_some(name)
}

fn is<S: NamedService>(_: &S, name: Option<&str>) -> bool {
    name == Some(S::NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_by_path() {
        let cases = [
            ("/a.v1.B/C", Some("a.v1.B")),
            ("/a.v1.B/C/D", Some("a.v1.B")),
            ("/a.v1.B/", None),
            ("/a.v1.B", None),
            ("a.v1.B/C", None),
            ("//C", Some("")),
            ("/", None),
            ("*", None),
            ("", None),
        ];
        for (path, name) in cases {
            assert_eq!(service(path), name, "{path:?}");
        }
    }
}
