//! Identity before a service, as a layer: a token may have to wait for the key
//! it is checked with, which an interceptor of tonic cannot. Once it is known
//! who calls, the call has to be within its organization's share.

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
use super::tenants::Tenants;
use crate::grpc::context::Context;
use crate::grpc::status;
use crate::metrics::Metrics;

/// Puts the principal of every call into its extensions, or refuses the call.
#[derive(Clone)]
pub struct IdentityLayer {
    identity: Identity,
    tenants: Tenants,
}

impl IdentityLayer {
    /// One organization has a share of so many calls in flight.
    pub fn new(identity: Identity, in_flight: usize, metrics: Metrics) -> Self {
        let tenants = Tenants::new(in_flight, metrics);
        Self { identity, tenants }
    }
}

impl<S> Layer<S> for IdentityLayer {
    type Service = Identified<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let (identity, tenants) = (self.identity.clone(), self.tenants.clone());
        Identified {
            inner,
            identity,
            tenants,
        }
    }
}

/// See [`IdentityLayer`].
#[derive(Clone)]
pub struct Identified<S> {
    inner: S,
    identity: Identity,
    tenants: Tenants,
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
        let (identity, tenants) = (self.identity.clone(), self.tenants.clone());
        // The one that is ready goes with the call, its clone stays.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let (mut parts, body) = request.into_parts();
        Box::pin(async move {
            let context = parts.extensions.get::<Context>();
            let admitted = identity.principal(&parts.headers).await;
            let admitted = admitted.and_then(|principal| {
                let class = context.map(|context| context.class);
                Ok((tenants.admit(principal.organization(), class)?, principal))
            });
            match admitted {
                Ok((place, principal)) => {
                    parts.extensions.insert(principal);
                    let answer = inner.call(Request::from_parts(parts, body)).await;
                    drop(place);
                    answer
                }
                Err(error) => Ok(status::of(&error, context).into_http()),
            }
        })
    }
}
