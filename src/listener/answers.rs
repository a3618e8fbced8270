//! Answers that their callers do not read.
//!
//! A peer may ask, and leave no room for the answer: HTTP/2 lets it. Such an
//! answer stays in memory for as long as the connection does, and hyper does not
//! look at it meanwhile, so it can have no timer of its own. What is bounded is
//! how many wait at once: beyond that, the connection whose answer has waited
//! longest is closed.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;
use tower::{Layer, Service};

use super::connection::Caller;

/// Answers that may wait for their readers, over all connections: the longest
/// ones have some 64 KiB.
const MOST: usize = 1000;
/// What an answer may wait in any case.
const GRACE: Duration = Duration::from_millis(100);

/// All that wait, the oldest first, with the connections they wait for.
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    oldest: BTreeMap<u64, (Instant, CancellationToken)>,
}

impl Answers {
    /// One more waits; answers its number.
    fn add(&self, left: &CancellationToken) -> u64 {
        let mut waiting = self.waiting();
        let number = waiting.next;
        waiting.next += 1;
        let now = Instant::now();
        waiting.oldest.insert(number, (now, left.clone()));
        if waiting.oldest.len() > MOST {
            let open = waiting.oldest.values();
            let oldest = open.into_iter().find(|(_, left)| !left.is_cancelled());
            if let Some((since, left)) = oldest
                && now.duration_since(*since) >= GRACE
            {
                tracing::debug!("connection closed: it does not read its answers");
                left.cancel();
            }
        }
        number
    }

    fn remove(&self, number: u64) {
        self.waiting().oldest.remove(&number);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts answers from when they are there until they are taken.
#[derive(Debug, Clone, Copy)]
pub struct AnswerLayer;

impl<S> Layer<S> for AnswerLayer {
    type Service = AnswerService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AnswerService { inner }
    }
}

/// See [`AnswerLayer`].
#[derive(Debug, Clone)]
pub struct AnswerService<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for AnswerService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            Ok(match caller {
                Some(caller) if !answer.body().is_end_stream() => answer.map(|body| {
                    let mut counted = Counted {
                        body,
                        caller,
                        number: None,
                    };
                    counted.waits();
                    Body::new(counted)
                }),
                _ => answer,
            })
        })
    }
}

/// A body that is counted while it has something that nobody takes.
struct Counted {
    body: Body,
    caller: Caller,
    number: Option<u64>,
}

impl Counted {
    fn waits(&mut self) {
        let Caller { answers, left, .. } = &self.caller;
        self.number.get_or_insert_with(|| answers.add(left));
    }

    fn rests(&mut self) {
        if let Some(number) = self.number.take() {
            self.caller.answers.remove(number);
        }
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        // Asked for, so there is room: whatever comes next begins to wait anew.
        self.rests();
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(_)) = &frame {
            self.waits();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.rests();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn beyond_the_bound_the_oldest_goes_and_nobody_in_haste() {
        let answers = Arc::<Answers>::default();
        let [first, second] = [(); 2].map(|()| CancellationToken::new());
        let taken = answers.add(&first);
        answers.remove(taken);
        let others: Vec<_> = (0..MOST).map(|_| answers.add(&second)).collect();
        assert!(!second.is_cancelled());
        answers.add(&first);
        assert!(!second.is_cancelled(), "not so soon");
        for (since, _) in answers.waiting().oldest.values_mut() {
            *since = since.checked_sub(GRACE).expect("earlier");
        }
        answers.add(&first);
        assert!(second.is_cancelled() && !first.is_cancelled());
        for number in others {
            answers.remove(number);
        }
        assert_eq!(answers.waiting().oldest.len(), 2);
    }
}
