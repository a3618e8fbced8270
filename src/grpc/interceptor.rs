//! Who acts: metadata → [`Principal`] (api.md "Identity metadata").
//!
//! Every key is read once and strictly: a second value, however it came in,
//! may be somebody else's.

use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use super::context::{ACCEPT_LANGUAGE, Context, REQUEST_ID, is_request_id};
use super::status;
use crate::domain::ids::{OrganizationId, UserId};
use crate::domain::principal::{Principal, Role};
use crate::error::{Error, Reason, Result};

const USER_ID: &str = "x-user-id";
const ORGANIZATION_ID: &str = "x-organization-id";
const ROLE: &str = "x-role";

/// Puts the [`Principal`] into the request's extensions, or refuses the call.
#[allow(clippy::result_large_err, reason = "tonic's signature")]
pub fn identify(mut request: Request<()>) -> Result<Request<()>, Status> {
    match principal(request.metadata()) {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            Ok(request)
        }
        Err(error) => Err(status::of(&error, request.extensions().get::<Context>())),
    }
}

fn principal(metadata: &MetadataMap) -> Result<Principal> {
    for key in [REQUEST_ID, ACCEPT_LANGUAGE, "authorization"] {
        let value = once(metadata, key)?;
        if key == REQUEST_ID && value.is_some_and(|id| !is_request_id(id)) {
            return Err(invalid(key));
        }
    }
    let user = required(metadata, USER_ID)?;
    let user = UserId::parse(user).map_err(|_| invalid(USER_ID))?;
    let role = required(metadata, ROLE)?;
    let role = Role::from_name(role).ok_or_else(|| invalid(ROLE))?;
    let organization = once(metadata, ORGANIZATION_ID)?
        .map(OrganizationId::parse)
        .transpose()
        .map_err(|_| invalid(ORGANIZATION_ID))?;
    Principal::new(user, role, organization).ok_or_else(|| missing(ORGANIZATION_ID))
}

fn required<'a>(metadata: &'a MetadataMap, key: &'static str) -> Result<&'a str> {
    once(metadata, key)?.ok_or_else(|| missing(key))
}

/// The value of a key, if it is there; twice is once too often.
fn once<'a>(metadata: &'a MetadataMap, key: &'static str) -> Result<Option<&'a str>> {
    let mut values = metadata.get_all(key).iter();
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

    fn with(pairs: &[(&'static str, &str)]) -> Result<Principal> {
        let mut metadata = MetadataMap::new();
        for (key, value) in pairs {
            metadata.append(*key, value.parse().expect("metadata"));
        }
        principal(&metadata)
    }

    type Pairs<'a> = &'a [(&'static str, &'a str)];

    #[test]
    fn identities() {
        let user = (USER_ID, ID);
        let organization = (ORGANIZATION_ID, ID);
        assert!(with(&[user, organization, (ROLE, "ORG_ADMIN")]).is_ok());
        assert!(with(&[user, (ROLE, "SUPER_ADMIN")]).is_ok());

        let platform = (ROLE, "PLATFORM_ADMIN");
        let refused: [(Pairs<'_>, Reason, &str); 13] = [
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
}
