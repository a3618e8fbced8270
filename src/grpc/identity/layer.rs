//! Identity before a service, as a layer: a token may have to wait for the key
//! it is checked with, which an interceptor of tonic cannot.

use std::convert::Infallible;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task;

use http::{Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
use tower::{Layer, Service};

use super::Identity;
use crate::grpc::context::Context;
use crate::grpc::status;

/// Puts the principal of every call into its extensions, or refuses the call.
#[derive(Debug, Clone)]
pub struct IdentityLayer(pub Identity);

impl<S> Layer<S> for IdentityLayer {
    type Service = Identified<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let identity = self.0.clone();
        Identified { inner, identity }
    }
}

/// See [`IdentityLayer`].
#[derive(Debug, Clone)]
pub struct Identified<S> {
    inner: S,
    identity: Identity,
}

impl<S: NamedService> NamedService for Identified<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Identified<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> task::Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let identity = self.identity.clone();
        // The one that is ready goes with the call, its clone stays.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let (mut parts, body) = request.into_parts();
        Box::pin(async move {
            match identity.principal(&parts.headers).await {
                Ok(principal) => {
                    parts.extensions.insert(principal);
                    inner.call(Request::from_parts(parts, body)).await
                }
                Err(error) => {
                    let context = parts.extensions.get::<Context>();
                    Ok(status::of(&error, context).into_http())
                }
            }
        })
    }
}
