//! Around every call: request id → log → tonic's own refusals → deadline → panic.

use std::any::Any;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tower_http::catch_panic::{CatchPanicLayer, ResponseForPanic};
use tracing::Instrument as _;

use super::context::{Context, REQUEST_ID};
use super::{span, status};
use crate::error::{Error, Problem, Reason};
use crate::metrics::Metrics;

/// Most bytes of a message from a caller (errors.md).
pub const MESSAGE_MOST: usize = 64 * 1024;

/// Gives every call its [`Context`], echoes the request id, logs one line by
/// method and code — never a word of the message — and gives the refusals that
/// tonic makes by itself the form and code of ours. A call that outlives its
/// deadline ends with DEADLINE_EXCEEDED; a write that has begun runs on.
#[derive(Clone)]
pub struct CallLayer {
    metrics: Metrics,
}

impl CallLayer {
    /// A layer that counts into `metrics`.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }
}

impl<S> Layer<S> for CallLayer {
    type Service = CallService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let metrics = self.metrics.clone();
        CallService { inner, metrics }
    }
}

/// See [`CallLayer`].
#[derive(Clone)]
pub struct CallService<S> {
    inner: S,
    metrics: Metrics,
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
        let context = Context::of(request.headers());
        let count = self.metrics.begin(request.uri().path());
        // Not the path of a method that there is not: that is a stranger's word.
        let method = count.method();
        request.extensions_mut().insert(context.clone());
        let deadline = deadline(request.headers());
        let span = span::of(&method, &context, request.headers());
        let ours = span.clone();
        let answer = self.inner.call(request);
        Box::pin(
            async move {
                let mut response = match timeout(deadline, answer).await {
                    Ok(response) => response?,
                    Err(elapsed) => status::of(&late(elapsed), Some(&context)).into_http(),
                };
                let panicked = response.extensions_mut().remove::<Panicked>();
                let refusal = || made_by_tonic(response.headers());
                if let Some(error) = panicked.map(|_| Error::internal("panic")).or_else(refusal) {
                    response = status::of(&error, Some(&context)).into_http();
                }
                let code = code(response.headers());
                count.end(code);
                span::end(&ours, code);
                if let Ok(id) = HeaderValue::from_str(&context.request_id) {
                    response.headers_mut().insert(REQUEST_ID, id);
                }
                tracing::info!(
                    request_id = context.request_id,
                    method,
                    code = ?code,
                    milliseconds = began.elapsed().as_secs_f64() * 1000.0,
                    "call"
                );
                Ok(response)
            }
            .instrument(span),
        )
    }
}

/// Most time a call may take, whatever its caller would wait.
const DEADLINE: Duration = Duration::from_secs(15);
/// tonic answers CANCELLED at the caller's deadline; ours comes just before.
const AHEAD_OF_TONIC: Duration = Duration::from_millis(5);

/// How long a call is given: what `grpc-timeout` says, within [`DEADLINE`].
fn deadline(headers: &HeaderMap) -> Duration {
    headers
        .get("grpc-timeout")
        .and_then(|value| value.to_str().ok())
        .and_then(grpc_timeout)
        .map_or(DEADLINE, |asked| {
            asked.saturating_sub(AHEAD_OF_TONIC).min(DEADLINE)
        })
}

/// Reads a timeout of the gRPC protocol: at most eight digits and a unit.
fn grpc_timeout(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let number = text
        .strip_suffix(unit)
        .filter(|digits| (1..=8).contains(&digits.len()))?;
    let number: u64 = number.parse().ok()?;
    Some(match unit {
        'H' => Duration::from_secs(number * 3600),
        'M' => Duration::from_secs(number * 60),
        'S' => Duration::from_secs(number),
        'm' => Duration::from_millis(number),
        'u' => Duration::from_micros(number),
        'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

fn late(elapsed: Elapsed) -> Error {
    Error::System {
        reason: Reason::DeadlineExceeded,
        cause: Box::new(elapsed),
    }
}

/// The code of an answer without a body; one with a body has begun well.
fn code(headers: &HeaderMap) -> Code {
    headers
        .get(Status::GRPC_STATUS)
        .map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
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
        // An encoding that is not supported comes with a message.
        Code::Unimplemented if cause().unwrap_or_default().is_empty() => Some(Error::System {
            reason: Reason::MethodNotFound,
            cause: "no such method".into(),
        }),
        _ => None,
    }
}

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
struct Panicked;

impl ResponseForPanic for Panic {
    type ResponseBody = Body;

    fn response_for_panic(&mut self, _: Box<dyn Any + Send + 'static>) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(Panicked);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_of_the_protocol() {
        let cases = [
            ("1S", Some(Duration::from_secs(1))),
            ("250m", Some(Duration::from_millis(250))),
            ("99999999H", Some(Duration::from_hours(99_999_999))),
            ("100000000S", None),
            ("S", None),
            ("", None),
            ("1", None),
            ("-1S", None),
            ("1ñ", None),
        ];
        for (text, timeout) in cases {
            assert_eq!(grpc_timeout(text), timeout, "{text:?}");
        }
    }

    #[test]
    fn no_call_is_given_more_than_the_longest_time() {
        let asked = |timeout: &'static str| {
            let value = HeaderValue::from_static(timeout);
            deadline(&HeaderMap::from_iter([(
                http::HeaderName::from_static("grpc-timeout"),
                value,
            )]))
        };
        assert_eq!(asked("1S"), Duration::from_millis(995));
        assert_eq!(asked("1n"), Duration::ZERO);
        assert_eq!(asked("1H"), DEADLINE);
        assert_eq!(asked("soon"), DEADLINE);
        assert_eq!(deadline(&HeaderMap::new()), DEADLINE);
    }
}
