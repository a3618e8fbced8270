//! Who acts: metadata or a token → [`Principal`] (api.md "Identity metadata").
//!
//! Every key is read once and strictly: a second value, however it came in,
//! may be somebody else's.

mod layer;
mod tenants;

use std::sync::Arc;

use http::HeaderMap;

use super::context::{ACCEPT_LANGUAGE, REQUEST_ID, is_request_id};
use super::staleness::{self, MAX_STALENESS};
use crate::domain::ids::{OrganizationId, UserId};
use crate::domain::principal::{Principal, Role};
use crate::error::{Error, Reason, Result};
use crate::jwt::{AUTHORIZATION, Verifier};

pub(super) use layer::Identified;
pub use layer::IdentityLayer;

const USER_ID: &str = "x-user-id";
const ORGANIZATION_ID: &str = "x-organization-id";
const ROLE: &str = "x-role";

/// How callers say who they are.
#[derive(Debug, Clone)]
pub enum Identity {
    /// In plain keys, which are believed.
    Metadata,
    /// In a token, and nowhere else.
    Jwt(Arc<Verifier>),
}

impl Identity {
    /// Who makes a call with these headers.
    pub async fn principal(&self, headers: &HeaderMap) -> Result<Principal> {
        let authorization = common(headers)?;
        match self {
            Self::Metadata => by_metadata(headers),
            Self::Jwt(verifier) => {
                let token = token(headers, authorization)?;
                verifier.principal(token).await
            }
        }
    }

    /// Keeps what tokens are judged by up to date; never ends.
    pub async fn keep_fresh(&self) {
        match self {
            Self::Metadata => std::future::pending().await,
            Self::Jwt(verifier) => verifier.keep_fresh().await,
        }
    }
}

/// Checks what is no identity, and answers `authorization`.
fn common(headers: &HeaderMap) -> Result<Option<&str>> {
    if once(headers, REQUEST_ID)?.is_some_and(|id| !is_request_id(id)) {
        return Err(invalid(REQUEST_ID));
    }
    once(headers, ACCEPT_LANGUAGE)?;
    if once(headers, MAX_STALENESS)?.is_some_and(|most| staleness::parse(most).is_none()) {
        return Err(invalid(MAX_STALENESS));
    }
    once(headers, AUTHORIZATION)
}

fn by_metadata(headers: &HeaderMap) -> Result<Principal> {
    let user = required(headers, USER_ID)?;
    let user = UserId::parse(user).map_err(|_| invalid(USER_ID))?;
    let role = required(headers, ROLE)?;
    let role = Role::from_name(role).ok_or_else(|| invalid(ROLE))?;
    let organization = once(headers, ORGANIZATION_ID)?
        .map(OrganizationId::parse)
        .transpose()
        .map_err(|_| invalid(ORGANIZATION_ID))?;
    Principal::new(user, role, organization).ok_or_else(|| missing(ORGANIZATION_ID))
}

/// The token of a call (RFC 6750 §2.1). A plain key, with a token or without,
/// is refused: whoever sends one counts on its being believed.
fn token<'a>(headers: &HeaderMap, authorization: Option<&'a str>) -> Result<&'a str> {
    if let Some(key) = [USER_ID, ORGANIZATION_ID, ROLE]
        .into_iter()
        .find(|key| headers.contains_key(*key))
    {
        return Err(invalid(key));
    }
    let authorization = authorization.ok_or_else(|| missing(AUTHORIZATION))?;
    authorization
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))
        .map(|(_, token)| token.trim_start_matches(' '))
        .ok_or_else(|| invalid(AUTHORIZATION))
}

fn required<'a>(headers: &'a HeaderMap, key: &'static str) -> Result<&'a str> {
    once(headers, key)?.ok_or_else(|| missing(key))
}

/// The value of a key, if it is there; twice is once too often.
fn once<'a>(headers: &'a HeaderMap, key: &'static str) -> Result<Option<&'a str>> {
    let mut values = headers.get_all(key).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(invalid(key));
    }
    value.to_str().map(Some).map_err(|_| invalid(key))
}

fn missing(key: &'static str) -> Error {
    Error::Unauthenticated {
        reason: Reason::IdentityMissing,
        key,
    }
}

fn invalid(key: &'static str) -> Error {
    Error::Unauthenticated {
        reason: Reason::IdentityInvalid,
        key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0192f0c1-2345-7abc-8def-0123456789ab";

    fn headers(pairs: Pairs<'_>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (key, value) in pairs {
            headers.append(*key, value.parse().expect("a header"));
        }
        headers
    }

    fn with(pairs: &[(&'static str, &str)]) -> Result<Principal> {
        let headers = headers(pairs);
        common(&headers).and_then(|_| by_metadata(&headers))
    }

    type Pairs<'a> = &'a [(&'static str, &'a str)];

    #[test]
    fn identities() {
        let user = (USER_ID, ID);
        let organization = (ORGANIZATION_ID, ID);
        assert!(with(&[user, organization, (ROLE, "ORG_ADMIN")]).is_ok());
        assert!(with(&[user, (ROLE, "SUPER_ADMIN")]).is_ok());

        let platform = (ROLE, "PLATFORM_ADMIN");
        let refused: [(Pairs<'_>, Reason, &str); 15] = [
            (&[], Reason::IdentityMissing, USER_ID),
            (&[organization, platform], Reason::IdentityMissing, USER_ID),
            (&[user, organization], Reason::IdentityMissing, ROLE),
            (&[user, platform], Reason::IdentityMissing, ORGANIZATION_ID),
            (
                &[(USER_ID, "1"), organization, platform],
                Reason::IdentityInvalid,
                USER_ID,
            ),
            (
                &[(USER_ID, ""), organization, platform],
                Reason::IdentityInvalid,
                USER_ID,
            ),
            (
                &[user, user, organization, platform],
                Reason::IdentityInvalid,
                USER_ID,
            ),
            (
                &[user, organization, organization, platform],
                Reason::IdentityInvalid,
                ORGANIZATION_ID,
            ),
            (
                &[user, (ORGANIZATION_ID, "x"), (ROLE, "SUPER_ADMIN")],
                Reason::IdentityInvalid,
                ORGANIZATION_ID,
            ),
            (
                &[user, organization, platform, (ROLE, "SUPER_ADMIN")],
                Reason::IdentityInvalid,
                ROLE,
            ),
            (
                &[user, organization, (ROLE, "platform_admin")],
                Reason::IdentityInvalid,
                ROLE,
            ),
            (
                &[user, organization, platform, (REQUEST_ID, "a b")],
                Reason::IdentityInvalid,
                REQUEST_ID,
            ),
            (
                &[
                    user,
                    organization,
                    platform,
                    (ACCEPT_LANGUAGE, "en"),
                    (ACCEPT_LANGUAGE, "es"),
                ],
                Reason::IdentityInvalid,
                ACCEPT_LANGUAGE,
            ),
            (
                &[user, organization, platform, (MAX_STALENESS, "5")],
                Reason::IdentityInvalid,
                MAX_STALENESS,
            ),
            (
                &[
                    user,
                    organization,
                    platform,
                    (MAX_STALENESS, "5s"),
                    (MAX_STALENESS, "5s"),
                ],
                Reason::IdentityInvalid,
                MAX_STALENESS,
            ),
        ];
        for (pairs, expected, at) in refused {
            match with(pairs) {
                Err(Error::Unauthenticated { reason, key }) => {
                    assert_eq!((reason, key), (expected, at), "{pairs:?}");
                }
                other => panic!("{pairs:?}: {other:?}"),
            }
        }
    }
    #[test]
    fn tokens() {
        let read = |pairs: Pairs<'_>| {
            let headers = headers(pairs);
            let authorization = common(&headers)?;
            token(&headers, authorization).map(str::to_owned)
        };
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c"] {
            let token = read(&[(AUTHORIZATION, value)]).expect(value);
            assert_eq!(token, "a.b.c");
        }
        let bearer = (AUTHORIZATION, "Bearer a.b.c");
        let refused: [(Pairs<'_>, Reason, &str); 10] = [
            (&[], Reason::IdentityMissing, AUTHORIZATION),
            (&[bearer, bearer], Reason::IdentityInvalid, AUTHORIZATION),
            (
                &[(AUTHORIZATION, "")],
                Reason::IdentityInvalid,
                AUTHORIZATION,
            ),
            (
                &[(AUTHORIZATION, "Bearer")],
                Reason::IdentityInvalid,
                AUTHORIZATION,
            ),
            (
                &[(AUTHORIZATION, "a.b.c")],
                Reason::IdentityInvalid,
                AUTHORIZATION,
            ),
            (
                &[(AUTHORIZATION, "Basic a.b.c")],
                Reason::IdentityInvalid,
                AUTHORIZATION,
            ),
            (&[bearer, (USER_ID, ID)], Reason::IdentityInvalid, USER_ID),
            (
                &[bearer, (ORGANIZATION_ID, ID)],
                Reason::IdentityInvalid,
                ORGANIZATION_ID,
            ),
            (
                &[bearer, (ROLE, "SUPER_ADMIN")],
                Reason::IdentityInvalid,
                ROLE,
            ),
            (
                &[(USER_ID, ID), (ROLE, "SUPER_ADMIN")],
                Reason::IdentityInvalid,
                USER_ID,
            ),
        ];
        for (pairs, expected, at) in refused {
            match read(pairs) {
                Err(Error::Unauthenticated { reason, key }) => {
                    assert_eq!((reason, key), (expected, at), "{pairs:?}");
                }
                other => panic!("{pairs:?}: {other:?}"),
            }
        }
    }
}
