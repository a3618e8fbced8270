//! A panic in a handler: INTERNAL for its own call, nothing for any other.

use std::any::Any;

use http::Response;
use tonic::body::Body;
use tower_http::catch_panic::{CatchPanicLayer, ResponseForPanic};

use crate::error::Error;

/// A panic ends its own call only, with INTERNAL.
pub fn catch_panic() -> CatchPanicLayer<Panic> {
    CatchPanicLayer::custom(Panic)
}

/// Makes the answer to a call that panicked.
#[derive(Clone, Copy)]
pub struct Panic;

/// What a call said when it panicked, on its way to the layer that knows the call.
#[derive(Clone)]
pub(super) struct Panicked(String);

impl Panicked {
    pub(super) fn into_error(self) -> Error {
        Error::internal(format!("panic: {}", self.0))
    }
}

impl ResponseForPanic for Panic {
    type ResponseBody = Body;

    fn response_for_panic(&mut self, cause: Box<dyn Any + Send + 'static>) -> Response<Body> {
        let text = cause
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| cause.downcast_ref::<&str>().copied())
            .unwrap_or("not a text");
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(Panicked(text.to_owned()));
        response
    }
}
