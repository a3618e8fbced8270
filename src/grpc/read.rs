//! Where a read is made: on the primary, or on a standby when its caller lets
//! the answer be old.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Request, Response, Status};

use super::call::{Call, Gate};
use super::context::Context;
use super::staleness::{SERVED_BY, STALENESS, format};
use crate::domain::principal::{Permission, Principal};
use crate::error::{Error, Result};
use crate::metrics::{Elsewhere, Source};
use crate::repository::Replica;

impl Gate {
    /// Carries out a call that only reads: as [`answer`](Self::answer), but on
    /// a standby where `x-max-staleness` allows it and one is new enough.
    ///
    /// Whatever goes wrong there, an absent row included, the primary is asked
    /// again: no caller sees a failure that the primary would not have given.
    pub(super) async fn read<Q: Clone, A>(
        &self,
        request: Request<Q>,
        permission: Permission,
        work: impl AsyncFn(Call, Q) -> Result<A>,
    ) -> Result<Response<A>, Status> {
        let (_, extensions, message) = request.into_parts();
        let context = extensions.get::<Context>();
        let call = self
            .admit(extensions.get::<Principal>(), context, permission)
            .map_err(|refusal| self.refuse(&refusal, context))?;
        let allowed = call.staleness;
        if let Some(replica) = self.replica(allowed) {
            let there = call.on(&replica.database, half(call.deadline));
            // Boxed, as it is seldom there: in every read it would double the call.
            let attempt = Box::pin(work(there, message.clone()));
            if let Some(answer) = self.attempt(&call, &replica, attempt).await {
                self.metrics.read(Source::Standby);
                let mut response = Response::new(answer);
                let metadata = response.metadata_mut();
                tell(metadata, Source::Standby, Some(replica.staleness));
                return Ok(response);
            }
        }
        self.metrics.read(Source::Primary);
        let answer = work(call, message).await;
        let answer = answer.map_err(|error| self.refuse(&error, context))?;
        let mut response = Response::new(answer);
        if allowed.is_some() {
            tell(response.metadata_mut(), Source::Primary, None);
        }
        Ok(response)
    }

    /// A standby that is new enough, where the caller allows one.
    fn replica(&self, allowed: Option<Duration>) -> Option<Replica> {
        let standbys = &self.databases.standbys;
        let allowed = allowed.filter(|_| standbys.exist())?;
        let replica = standbys.within(allowed);
        if replica.is_none() {
            self.metrics.elsewhere(Elsewhere::Stale);
        }
        replica
    }

    /// The answer of a standby, if there is one in time.
    async fn attempt<A>(
        &self,
        call: &Call,
        replica: &Replica,
        attempt: impl Future<Output = Result<A>>,
    ) -> Option<A> {
        let answer = tokio::select! {
            biased;
            answer = attempt => answer.map_err(|error| why(&error)),
            () = replica.gone() => Err(Some(Elsewhere::Failed)),
            () = sleep_until(half(call.deadline)) => Err(Some(Elsewhere::Failed)),
        };
        answer
            .inspect_err(|why| {
                if let Some(why) = why {
                    self.metrics.elsewhere(*why);
                }
            })
            .ok()
    }
}

/// Why the primary is asked again; nothing to count where the caller's message
/// is at fault.
fn why(error: &Error) -> Option<Elsewhere> {
    match error {
        Error::NotFound { .. } => Some(Elsewhere::Absent),
        Error::System { .. } | Error::CommitOutcomeUnknown { .. } => {
            let reason = error.reason().as_str();
            tracing::info!(reason, "a standby failed; the primary is asked");
            Some(Elsewhere::Failed)
        }
        _ => None,
    }
}

/// Half of the time that is left: the other half is the primary's.
fn half(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / 2
}

/// Says who answered, to callers who wanted to have a say in it.
fn tell(metadata: &mut MetadataMap, source: Source, staleness: Option<Duration>) {
    metadata.insert(SERVED_BY, MetadataValue::from_static(source.as_str()));
    if let Some(staleness) = staleness.and_then(|age| format(age).parse().ok()) {
        metadata.insert(STALENESS, staleness);
    }
}
