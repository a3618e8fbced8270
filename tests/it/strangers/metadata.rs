//! Bad identities in metadata mode.

use uuid::Uuid;

use super::Stranger;

const MISSING: &str = "IDENTITY_MISSING";
const INVALID: &str = "IDENTITY_INVALID";
const USER: &str = "x-user-id";
const ORGANIZATION: &str = "x-organization-id";
const ROLE: &str = "x-role";

type Pairs<'a> = &'a [(&'static str, &'a str)];

/// Everybody who is nobody, from `organization`.
pub(super) fn strangers(organization: &str) -> Vec<Stranger> {
    let id = Uuid::now_v7().to_string();
    let (user, own) = ((USER, id.as_str()), (ORGANIZATION, organization));
    let (root, admin) = ((ROLE, "SUPER_ADMIN"), (ROLE, "PLATFORM_ADMIN"));
    let braced = format!("{{{id}}}");
    let token = ("authorization", "Bearer a.b.c");
    let all: [(&'static str, Pairs<'_>, &'static str, &'static str); 22] = [
        ("nothing", &[], MISSING, USER),
        ("a token only", &[token], MISSING, USER),
        ("no user", &[own, admin], MISSING, USER),
        ("only a role", &[root], MISSING, USER),
        ("no role", &[user, own], MISSING, ROLE),
        ("no organization", &[user, admin], MISSING, ORGANIZATION),
        (
            "an owner of nothing",
            &[user, (ROLE, "ORG_OWNER")],
            MISSING,
            ORGANIZATION,
        ),
        (
            "a user that is no UUID",
            &[(USER, "root"), root],
            INVALID,
            USER,
        ),
        ("an empty user", &[(USER, ""), root], INVALID, USER),
        ("a user in braces", &[(USER, &braced), root], INVALID, USER),
        ("a role of no name", &[user, (ROLE, "ROOT")], INVALID, ROLE),
        (
            "a role in small letters",
            &[user, (ROLE, "super_admin")],
            INVALID,
            ROLE,
        ),
        (
            "two roles in one",
            &[user, (ROLE, "SUPER_ADMIN,ORG_OWNER")],
            INVALID,
            ROLE,
        ),
        ("an empty role", &[user, (ROLE, "")], INVALID, ROLE),
        ("two roles", &[user, own, admin, root], INVALID, ROLE),
        ("one role twice", &[user, root, root], INVALID, ROLE),
        ("one user twice", &[user, user, root], INVALID, USER),
        (
            "two organizations",
            &[user, own, own, admin],
            INVALID,
            ORGANIZATION,
        ),
        (
            "a bad organization",
            &[user, (ORGANIZATION, "1"), root],
            INVALID,
            ORGANIZATION,
        ),
        (
            "an empty organization",
            &[user, (ORGANIZATION, ""), admin],
            INVALID,
            ORGANIZATION,
        ),
        (
            "two tokens",
            &[user, root, token, token],
            INVALID,
            "authorization",
        ),
        (
            "a bad request id",
            &[user, root, ("x-request-id", "a b")],
            INVALID,
            "x-request-id",
        ),
    ];
    let pair = |&(key, value): &(&'static str, &str)| (key, value.to_owned());
    all.into_iter()
        .map(|(kind, metadata, reason, key)| Stranger {
            kind,
            metadata: metadata.iter().map(pair).collect(),
            reason,
            key,
        })
        .collect()
}
