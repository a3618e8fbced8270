//! One call's way through the house: identity, permission, work, answer.

use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use super::context::{Context, Language};
use super::status;
use crate::domain::ids::{OrganizationId, RequestId};
use crate::domain::principal::{Permission, Policy, Principal};
use crate::error::{Error, Reason, Result};
use crate::metrics::{Metrics, Why};
use crate::repository::{
    Answer, Database, Databases, Encode, Idempotency, Mutation, Options, Repository, Scope,
};

/// What every service needs: the databases and who may do what.
#[derive(Clone)]
pub struct Gate {
    pub(super) databases: Databases,
    policy: Policy,
    pub(super) metrics: Metrics,
}

impl Gate {
    /// A gate to `databases` kept by `policy`.
    pub fn new(databases: Databases, policy: Policy, metrics: Metrics) -> Self {
        Self {
            databases,
            policy,
            metrics,
        }
    }

    /// Carries out a call on the primary: permission before anything of the
    /// message is looked at, then `work`. An absent identity fails closed. A
    /// call that only reads is [`read`](Self::read) instead.
    pub(super) async fn answer<Q, A>(
        &self,
        request: Request<Q>,
        permission: Permission,
        work: impl AsyncFnOnce(Call, Q) -> Result<A>,
    ) -> Result<Response<A>, Status> {
        let (_, extensions, message) = request.into_parts();
        let context = extensions.get::<Context>();
        let outcome = match self.admit(extensions.get::<Principal>(), context, permission) {
            Ok(call) => work(call, message).await,
            Err(refusal) => Err(refusal),
        };
        outcome
            .map(Response::new)
            .map_err(|error| self.refuse(&error, context))
    }

    /// The status of a call that failed.
    pub(super) fn refuse(&self, error: &Error, context: Option<&Context>) -> Status {
        if let Some(context) = context
            && error.reason() == Reason::ServerOverloaded
        {
            self.metrics.shed(context.class, Why::Share);
        }
        status::of(error, context)
    }

    pub(super) fn admit(
        &self,
        principal: Option<&Principal>,
        context: Option<&Context>,
        permission: Permission,
    ) -> Result<Call> {
        let unknown = Error::Unauthenticated {
            reason: Reason::IdentityMissing,
            key: "x-user-id",
        };
        let principal = principal.ok_or(unknown)?;
        principal.require(permission, &self.policy)?;
        Ok(Call {
            database: self.databases.primary.clone(),
            policy: self.policy.clone(),
            principal: principal.clone(),
            language: context.map_or(Language::Spanish, |context| context.language),
            request_id: context.map_or_else(String::new, |context| context.request_id.clone()),
            staleness: context.and_then(|context| context.staleness),
            deadline: context.map_or_else(Instant::now, |context| context.deadline),
        })
    }
}

/// A call whose caller is known and may make it.
#[derive(Clone)]
pub(super) struct Call {
    /// Where it is carried out.
    database: Database,
    policy: Policy,
    principal: Principal,
    /// Of human messages in the answer.
    pub(super) language: Language,
    request_id: String,
    /// How old its answer may be.
    pub(super) staleness: Option<Duration>,
    pub(super) deadline: Instant,
}

impl Call {
    /// The same call on another database, with a deadline of its own there.
    pub(super) fn on(&self, database: &Database, deadline: Instant) -> Self {
        Self {
            database: database.clone(),
            deadline,
            ..self.clone()
        }
    }

    /// Fails with `ROLE_REQUIRED` when the caller lacks what only a part of
    /// the method asks for.
    pub(super) fn require(&self, permission: Permission) -> Result<()> {
        self.principal.require(permission, &self.policy)
    }

    /// Whether the caller holds a permission.
    pub(super) fn may(&self, permission: Permission) -> bool {
        self.require(permission).is_ok()
    }

    /// All that the caller may see.
    pub(super) fn repository(&self) -> Result<Repository> {
        self.repository_of("")
    }

    /// What the caller may see of the organization named in the request. A
    /// name that is no UUID is left to validation, which finds it again.
    pub(super) fn repository_of(&self, named: &str) -> Result<Repository> {
        let scope = Scope::of(&self.principal, OrganizationId::parse(named).ok())?;
        let database = self.database.clone();
        Ok(Repository::new(
            database,
            scope,
            self.request_id.clone(),
            self.deadline,
        ))
    }
}

/// How a write is to be answered.
pub(super) struct Write {
    /// Check everything, write nothing.
    pub(super) validate_only: bool,
    /// What a repetition is told by.
    pub(super) idempotency: Option<Idempotency>,
}

/// How a write is answered that has no request id: made twice it leaves what
/// it leaves when made once, though a second removal finds nothing to remove.
pub(super) const PLAIN: Write = Write {
    validate_only: false,
    idempotency: None,
};

/// Carries out a write and turns its output into the answer, or hands out the
/// answer the same call got before.
pub(super) async fn write<M, A, F>(
    repository: &Repository,
    mutation: M,
    write: Write,
    reply: F,
) -> Result<A>
where
    M: Mutation,
    A: Message + Default,
    F: Fn(&M::Output) -> A + Clone + Send + Sync + 'static,
{
    let keep = reply.clone();
    let encode: Encode<M::Output> = Arc::new(move |output| keep(output).encode_to_vec());
    let options = Options {
        validate_only: write.validate_only,
        idempotency: write.idempotency.map(|key| (key, encode)),
    };
    match repository.perform(mutation, options).await? {
        Answer::Fresh(output) => Ok(reply(&output)),
        Answer::Stored(bytes) => A::decode(bytes.as_slice()).map_err(Error::internal),
    }
}

/// What a repetition of this call is told by: method, organization and body.
pub(super) fn idempotency(
    request: Option<RequestId>,
    repository: &Repository,
    method: &str,
    message: &impl Message,
) -> Option<Idempotency> {
    request.map(|request| Idempotency {
        request,
        fingerprint: fingerprint(repository, method, message),
    })
}

/// SHA-256 of a method, the organization in sight and a message.
pub(super) fn fingerprint(
    repository: &Repository,
    method: &str,
    message: &impl Message,
) -> [u8; 32] {
    let organization = repository.scope().organization().unwrap_or_default();
    Sha256::new()
        .chain_update(method)
        .chain_update(organization.0.as_bytes())
        .chain_update(message.encode_to_vec())
        .finalize()
        .into()
}
