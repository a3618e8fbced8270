//! The outermost layer: request id, log, and the refusals of tonic and of panics
//! in our form.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Instant;

use http::{HeaderMap, HeaderValue, Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::{Instrument as _, Span};

use super::deadline::is_over;
use super::panic::Panicked;
use super::penalty::Penalties;
use crate::error::{Error, Problem, Reason};
use crate::grpc::context::{Context, REQUEST_ID};
use crate::grpc::{span, status};
use crate::metrics::{CallCount, Metrics};

/// Gives every call its [`Context`], echoes the request id, logs one line by
/// method and code — never a word of the message — and gives the refusals that
/// tonic makes by itself the form and code of ours.
#[derive(Clone)]
pub struct CallLayer {
    metrics: Metrics,
    penalties: Penalties,
}

impl CallLayer {
    /// A layer that counts into `metrics`.
    pub fn new(metrics: Metrics) -> Self {
        Self {
            metrics,
            penalties: Penalties::default(),
        }
    }
}

impl<S> Layer<S> for CallLayer {
    type Service = CallService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CallService {
            inner,
            metrics: self.metrics.clone(),
            penalties: self.penalties.clone(),
        }
    }
}

/// See [`CallLayer`].
#[derive(Clone)]
pub struct CallService<S> {
    inner: S,
    metrics: Metrics,
    penalties: Penalties,
}

impl<S> Service<Request<Body>> for CallService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let began = Instant::now();
        let context = Context::of(&request);
        let count = self.metrics.begin(request.uri().path());
        // Not the path of a method that there is not: that is a stranger's word.
        let method = count.method();
        let span = span::of(&method, &context, request.headers());
        request.extensions_mut().insert(context.clone());
        let mut open = Open {
            count,
            span: span.clone(),
            context,
            method,
            began,
            answered: false,
        };
        let penalties = self.penalties.clone();
        let answer = self.inner.call(request);
        let call = async move {
            let mut response = answer.await?;
            open.answered = true;
            let panicked = response.extensions_mut().remove::<Panicked>();
            let refusal = || made_by_tonic(response.headers());
            if let Some(error) = panicked.map(|_| Error::internal("panic")).or_else(refusal) {
                response = status::of(&error, Some(&open.context)).into_http();
            }
            let code = code(response.headers());
            let refused = is_for_want_of_room(code, response.headers());
            if refused {
                penalties.serve(began.elapsed()).await;
            }
            open.end(code);
            if let Ok(id) = HeaderValue::from_str(&open.context.request_id) {
                response.headers_mut().insert(REQUEST_ID, id);
            }
            if refused {
                penalties.tell();
            } else {
                open.log(code);
            }
            Ok(response)
        };
        Box::pin(call.instrument(span))
    }
}

/// A call until it is answered, or its caller hangs up.
struct Open {
    count: CallCount,
    span: Span,
    context: Context,
    method: String,
    began: Instant,
    answered: bool,
}

impl Open {
    fn end(&mut self, code: Code) {
        self.count.end(code);
        span::end(&self.span, code);
    }

    fn log(&self, code: Code) {
        tracing::info!(
            request_id = self.context.request_id,
            method = self.method,
            code = ?code,
            milliseconds = self.began.elapsed().as_secs_f64() * 1000.0,
            "call"
        );
    }
}

impl Drop for Open {
    /// A caller whose time is over hangs up as any other does.
    fn drop(&mut self) {
        let given = self.context.deadline.into_std() - self.began;
        if !self.answered && is_over(given, self.began.elapsed()) {
            self.end(Code::DeadlineExceeded);
            self.log(Code::DeadlineExceeded);
        }
    }
}

/// The code of an answer without a body; one with a body has begun well.
fn code(headers: &HeaderMap) -> Code {
    headers
        .get(Status::GRPC_STATUS)
        .map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}

/// Whether the call may be made again when there is room.
fn is_for_want_of_room(code: Code, headers: &HeaderMap) -> bool {
    let pushback = headers.get("grpc-retry-pushback-ms");
    code == Code::ResourceExhausted && pushback.is_some_and(|after| after != "-1")
}

/// What tonic refused before or instead of a handler. Such a status has no
/// details, ours always have.
fn made_by_tonic(headers: &HeaderMap) -> Option<Error> {
    if headers.contains_key(Status::GRPC_STATUS_DETAILS) {
        return None;
    }
    let cause = || {
        headers
            .get(Status::GRPC_MESSAGE)
            .and_then(|message| message.to_str().ok())
    };
    match code(headers) {
        // Bytes that are no message, or no bytes at all.
        Code::Internal => Some(Error::violation("", Problem::MalformedMessage)),
        Code::OutOfRange => Some(Error::System {
            reason: Reason::MessageTooLarge,
            cause: cause().unwrap_or("message too large").into(),
        }),
        // A compression that is not supported comes with a message.
        Code::Unimplemented => Some(match cause().filter(|cause| !cause.is_empty()) {
            Some(_) => Error::System {
                reason: Reason::CompressionNotSupported,
                cause: "a compressed message".into(),
            },
            None => Error::System {
                reason: Reason::MethodNotFound,
                cause: "no such method".into(),
            },
        }),
        _ => None,
    }
}
