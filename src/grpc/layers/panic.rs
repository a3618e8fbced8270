//! A panic in a handler: INTERNAL for its own call, nothing for any other.

use std::any::Any;

use http::Response;
use tonic::body::Body;
use tower_http::catch_panic::{CatchPanicLayer, ResponseForPanic};

/// A panic ends its own call only, with INTERNAL.
pub fn catch_panic() -> CatchPanicLayer<Panic> {
    CatchPanicLayer::custom(Panic)
}

/// Makes the answer to a call that panicked.
#[derive(Clone, Copy)]
pub struct Panic;

/// That a call panicked, on its way to the layer that knows the call. What it
/// said may quote data; telemetry logs where it was.
#[derive(Clone)]
pub(super) struct Panicked;

impl ResponseForPanic for Panic {
    type ResponseBody = Body;

    fn response_for_panic(&mut self, _: Box<dyn Any + Send + 'static>) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(Panicked);
        response
    }
}
