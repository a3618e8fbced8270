//! A call ends at its deadline, or when the time to drain is over.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use tokio::time::sleep_until;
use tonic::body::Body;
use tower::{Layer, Service};

use super::admission::{Class, Draining};
use crate::error::{Error, Reason};
use crate::grpc::context::Context;
use crate::grpc::status;

/// Most time a call may take, whatever its caller would wait.
const DEADLINE: Duration = Duration::from_secs(15);
/// The same of what has as much to write as somebody has clients: a hundred thousand take
/// twenty seconds.
const LONG_DEADLINE: Duration = Duration::from_mins(2);
/// Which that is.
const LONG: [&str; 3] = ["ReassignClients", "UpsertMember", "RemoveMember"];
/// tonic answers CANCELLED at the caller's deadline; ours comes just before.
const AHEAD_OF_TONIC: Duration = Duration::from_millis(5);

/// How long a call of the method at `path` is given: what `grpc-timeout` says, within
/// [`DEADLINE`] or [`LONG_DEADLINE`].
pub(in crate::grpc) fn allowance(path: &str, headers: &HeaderMap) -> Duration {
    let method = path.rsplit('/').next().unwrap_or_default();
    let most = if LONG.contains(&method) {
        LONG_DEADLINE
    } else {
        DEADLINE
    };
    headers
        .get("grpc-timeout")
        .and_then(|value| value.to_str().ok())
        .and_then(grpc_timeout)
        .map_or(most, |asked| asked.saturating_sub(AHEAD_OF_TONIC).min(most))
}

/// Whether a caller who hangs up after `taken` does so because the time that
/// the call was `given` is over.
///
/// In its last tenth: a client ends its call by its own clock, which began when the
/// call was still under way to us, and gRPC's C core (of Python, Ruby, PHP, C++) sends
/// a `grpc-timeout` that is up to a hundredth longer, 1010 ms for a second. So we
/// hear that it hung up before our time is over.
pub(super) fn is_over(given: Duration, taken: Duration) -> bool {
    taken + given / 10 >= given
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

/// Ends a call that outlives its deadline with DEADLINE_EXCEEDED, and one that
/// outlives the time to drain with UNAVAILABLE. What the handler was doing is
/// dropped: a read is cancelled in PostgreSQL, a write that has begun runs to
/// its own end, which is no later than the deadline.
#[derive(Clone)]
pub struct DeadlineLayer(pub Draining);

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService {
            inner,
            draining: self.0.clone(),
        }
    }
}

/// See [`DeadlineLayer`].
#[derive(Clone)]
pub struct DeadlineService<S> {
    inner: S,
    draining: Draining,
}

impl<S> Service<Request<Body>> for DeadlineService<S>
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

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Some(context) = request.extensions().get::<Context>().cloned() else {
            return Box::pin(self.inner.call(request));
        };
        let writes = context.class == Class::Write;
        let mut draining = self.draining.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let error = tokio::select! {
                biased;
                answer = answer => return answer,
                () = sleep_until(context.deadline) => late(),
                () = draining.over() => cut(writes),
            };
            Ok(status::of(&error, Some(&context)).into_http())
        })
    }
}

fn late() -> Error {
    Error::System {
        reason: Reason::DeadlineExceeded,
        cause: "the deadline passed".into(),
    }
}

/// The service ends and the call has not. Whether a write was done will show.
fn cut(writes: bool) -> Error {
    let cause = "the time to drain was over".into();
    if writes {
        return Error::CommitOutcomeUnknown {
            retry_safe: false,
            cause,
        };
    }
    Error::System {
        reason: Reason::ShuttingDown,
        cause,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

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
    fn callers_that_round_their_timeouts_up_run_out_of_time_too() {
        let cases = [
            (1005, 1000, true),
            (1005, 900, false),
            (10_095, 10_000, true),
            (15_000, 14_900, true),
            (15_000, 13_000, false),
            (96, 50, false),
            (0, 0, true),
        ];
        for (given, taken, over) in cases {
            let [given, taken] = [given, taken].map(Duration::from_millis);
            assert_eq!(is_over(given, taken), over, "{taken:?} of {given:?}");
        }
    }

    #[test]
    fn no_call_is_given_more_than_the_longest_time() {
        let service = "/nvito.clients.v1.ClientService";
        for (method, most) in [("GetClient", DEADLINE), ("ReassignClients", LONG_DEADLINE)] {
            let path = format!("{service}/{method}");
            let asked = |timeout: &'static str| {
                let value = HeaderValue::from_static(timeout);
                let header = (HeaderName::from_static("grpc-timeout"), value);
                allowance(&path, &HeaderMap::from_iter([header]))
            };
            assert_eq!(asked("1S"), Duration::from_millis(995));
            assert_eq!(asked("1n"), Duration::ZERO);
            assert_eq!(asked("1H"), most);
            assert_eq!(asked("soon"), most);
            assert_eq!(allowance(&path, &HeaderMap::new()), most);
        }
    }
}
