//! Who acts, by a signed token: `Bearer` JWT → [`Principal`] (spec §9
//! `ClerkAuthGuard`; RFC 7519, hardened by RFC 8725).
//!
//! ```text
//! token ── signature, by a key of keyring ── claims ── Principal
//!                                  │
//!                                keys ← source: a URL or a file
//! ```
//!
//! Nothing of a token is ever logged or put into an error; a refusal is told
//! by a fixed word, at debug level.

mod claims;
mod clock;
mod keyring;
mod keys;
mod source;
mod token;

use std::fmt;
use std::sync::Arc;

use crate::domain::principal::Principal;
use crate::error::{Cause, Error, Reason, Result};

pub use claims::Names;
pub use clock::Clock;
pub use source::Source;

use keyring::Keyring;
use token::Token;

/// The metadata key that carries a token.
pub const AUTHORIZATION: &str = "authorization";

/// What a token has to be.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the keys are.
    pub keys: Source,
    /// The one `iss`.
    pub issuer: String,
    /// What `azp` and `aud` may be. Never empty.
    pub audiences: Vec<String>,
    /// Which claims say who acts.
    pub names: Names,
    /// The time; tests move it.
    pub clock: Clock,
}

/// Tells who acts by tokens.
pub struct Verifier {
    settings: Settings,
    keyring: Arc<Keyring>,
}

impl Verifier {
    /// Loads the keys. A file has to be right at once; a server is given
    /// [`keyring::PATIENCE`], for it may start together with this service.
    pub async fn open(settings: Settings) -> Result<Self, Cause> {
        let keyring = Keyring::open(settings.keys.clone(), settings.clock.clone()).await?;
        Ok(Self {
            settings,
            keyring: Arc::new(keyring),
        })
    }

    /// Loads the keys again and again; never ends.
    pub async fn keep_fresh(&self) {
        self.keyring.keep_fresh().await;
    }

    /// Who acts, by a token (RFC 6750's `b64token`). Fails with
    /// `IDENTITY_INVALID`, `IDENTITY_MISSING` (no organization) or
    /// `TOKEN_EXPIRED`; with `INTERNAL` when the keys are too old to judge by.
    pub async fn principal(&self, token: &str) -> Result<Principal> {
        let token = Token::read(token).map_err(refused)?;
        let key = self.keyring.key(token.kid()).await?;
        let now = self.settings.clock.since_1970().as_secs_f64();
        key.ok_or(Refusal::UnknownKey)
            .and_then(|key| token.claims(&key))
            .and_then(|claims| claims::principal(&claims, &self.settings, now))
            .map_err(refused)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    TooLong,
    Malformed,
    Algorithm,
    Type,
    Critical,
    UnknownKey,
    Signature,
    Issuer,
    Audience,
    PendingSession,
    NotBefore,
    Expired,
    User,
    Role,
    Organization,
    NoOrganization,
}

/// What the caller hears, and what the log does.
fn refused(refusal: Refusal) -> Error {
    tracing::debug!(?refusal, "token refused");
    Error::Unauthenticated {
        reason: match refusal {
            Refusal::Expired => Reason::TokenExpired,
            Refusal::NoOrganization => Reason::IdentityMissing,
            _ => Reason::IdentityInvalid,
        },
        key: AUTHORIZATION,
    }
}
