//! Who is let in: so many calls at once, the cheap to repeat turned away first;
//! and nobody new while the service drains.
//!
//! This bounds what all callers together can make the process hold. How the
//! database is shared out among tenants is the repository's matter.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{self, Poll};

use http::{Request, Response};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tonic::body::Body;
use tower::{Layer, Service};

use crate::error::{Error, Reason};
use crate::grpc::context::Context;
use crate::grpc::status;
use crate::metrics::{Metrics, Why};

/// What kind of call it is, by what turning it away costs its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Probes: always let in.
    Health,
    /// What anybody may ask without saying who they are: reflection, methods
    /// that nobody knows.
    Public,
    /// Lists, searches, summaries: dear to us, repeated with ease.
    List,
    /// Point reads.
    Get,
    /// Writes: somebody has typed something.
    Write,
}

impl Class {
    /// The class of a method, by the verbs of its name (AIP-130).
    pub fn of(path: &str) -> Self {
        let (service, method) = path.rsplit_once('/').unwrap_or((path, ""));
        let begins = |verbs: &[&str]| verbs.iter().any(|verb| method.starts_with(verb));
        if service == "/grpc.health.v1.Health" {
            Self::Health
        } else if !service.starts_with("/nvito.clients.") {
            Self::Public
        } else if begins(&["List", "Suggest", "Summarize"]) {
            Self::List
        } else if begins(&["Get", "BatchGet", "Validate"]) {
            Self::Get
        } else {
            Self::Write
        }
    }

    /// How many of `most` calls in flight may be there for one of this class
    /// to come in: what is public is shed before lists, lists before gets, gets
    /// before writes.
    fn room(self, most: usize) -> usize {
        match self {
            Self::Health => usize::MAX,
            Self::Public => most.div_ceil(4),
            Self::List => most.div_ceil(2),
            Self::Get => (most * 3).div_ceil(4),
            Self::Write => most,
        }
    }
}

/// Tells calls that the service is going.
pub struct Drain(watch::Sender<Option<Instant>>);

/// Whether the service is going, and until when calls may go on.
#[derive(Clone)]
pub struct Draining(watch::Receiver<Option<Instant>>);

impl Drain {
    /// A service that stays.
    pub fn new() -> (Self, Draining) {
        let (sender, receiver) = watch::channel(None);
        (Self(sender), Draining(receiver))
    }

    /// No new call from now on; the ones in flight go on until `end`.
    pub fn begin(&self, end: Instant) {
        self.0.send_replace(Some(end));
    }
}

impl Draining {
    fn has_begun(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Done when the time of the calls in flight is over.
    pub(super) async fn over(&mut self) {
        let end = match self.0.wait_for(Option::is_some).await {
            Ok(end) => *end,
            // Nobody is left to say so.
            Err(_) => None,
        };
        match end {
            Some(end) => sleep_until(end).await,
            None => std::future::pending().await,
        }
    }
}

/// Lets calls in while there is room: the layer.
#[derive(Clone)]
pub struct Admission {
    most: usize,
    in_flight: Arc<AtomicUsize>,
    draining: Draining,
    metrics: Metrics,
}

impl Admission {
    /// At most `most` calls at once.
    pub fn new(most: usize, draining: Draining, metrics: Metrics) -> Self {
        Self {
            most,
            in_flight: Arc::default(),
            draining,
            metrics,
        }
    }

    fn admit(&self, class: Class) -> Result<Option<Place>, Error> {
        if class == Class::Health {
            return Ok(None);
        }
        if self.draining.has_begun() {
            return Err(refusal(Reason::ShuttingDown, "the service drains"));
        }
        let place = Place(self.in_flight.clone());
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        if before >= class.room(self.most) {
            self.metrics.shed(class, Why::InFlight);
            return Err(refusal(
                Reason::ServerOverloaded,
                "too many calls in flight",
            ));
        }
        Ok(Some(place))
    }
}

fn refusal(reason: Reason, cause: &'static str) -> Error {
    Error::System {
        reason,
        cause: cause.into(),
    }
}

/// One call in flight.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S> Layer<S> for Admission {
    type Service = AdmissionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AdmissionService {
            inner,
            admission: self.clone(),
        }
    }
}

/// See [`Admission`].
#[derive(Clone)]
pub struct AdmissionService<S> {
    inner: S,
    admission: Admission,
}

type Answer = Result<Response<Body>, Infallible>;

impl<S> Service<Request<Body>> for AdmissionService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.admission.admit(Class::of(request.uri().path())) {
            Ok(place) => {
                let answer = self.inner.call(request);
                Box::pin(async move {
                    let answer = answer.await;
                    drop(place);
                    answer
                })
            }
            Err(error) => {
                let context = request.extensions().get::<Context>();
                Box::pin(ready(Ok(status::of(&error, context).into_http())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        let clients =
            |method: &str| Class::of(&format!("/nvito.clients.v1.ClientService/{method}"));
        for method in ["ListClients", "SuggestClients", "SummarizeClients"] {
            assert_eq!(clients(method), Class::List, "{method}");
        }
        for method in ["GetClient", "BatchGetClients", "ValidateFiscalData"] {
            assert_eq!(clients(method), Class::Get, "{method}");
        }
        for method in ["CreateClient", "TransitionClient", "ReassignClients"] {
            assert_eq!(clients(method), Class::Write, "{method}");
        }
        assert_eq!(Class::of("/grpc.health.v1.Health/Check"), Class::Health);
        assert_eq!(Class::of("/nobody.Knows/CreateIt"), Class::Public);
        assert_eq!(Class::of("*"), Class::Public);
    }

    #[test]
    fn no_class_has_more_room_than_there_is() {
        for most in 1..=16 {
            let classes = [Class::Public, Class::List, Class::Get, Class::Write];
            let rooms = classes.map(|class| class.room(most));
            assert!(rooms.is_sorted() && rooms[3] == most, "{rooms:?} of {most}");
        }
    }

    #[test]
    fn the_dispensable_is_shed_first() {
        let (_drain, draining) = Drain::new();
        let admission = Admission::new(8, draining, Metrics::default());
        let admit = |class| admission.admit(class);
        let mut places = Vec::new();
        let mut fill = |class, expected: usize| {
            while let Ok(place) = admit(class) {
                places.push(place);
            }
            assert_eq!(places.len(), expected, "{class:?}");
        };
        fill(Class::Public, 2);
        fill(Class::List, 4);
        fill(Class::Get, 6);
        fill(Class::Write, 8);
        assert!(admit(Class::Health).is_ok());
        assert_eq!(admission.in_flight.load(Ordering::Relaxed), 8);
        drop(places);
        assert_eq!(admission.in_flight.load(Ordering::Relaxed), 0);
        assert!(admit(Class::List).is_ok());
    }

    #[test]
    fn nobody_new_is_let_in_while_it_drains() {
        let (drain, draining) = Drain::new();
        let admission = Admission::new(8, draining, Metrics::default());
        drain.begin(Instant::now());
        for class in [Class::Public, Class::List, Class::Get, Class::Write] {
            let refused = admission.admit(class).err().map(|error| error.reason());
            assert_eq!(refused, Some(Reason::ShuttingDown));
        }
        assert!(admission.admit(Class::Health).is_ok());
    }
}
