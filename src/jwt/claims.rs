//! What a token says → who acts (RFC 7519 §4.1). The signature is checked
//! before, by `token`.

use serde_json::{Map, Value};

use super::{Refusal, Settings};
use crate::domain::ids::{OrganizationId, UserId};
use crate::domain::principal::{Principal, Role};

/// How far the clocks of the issuer and of this machine may be apart, in
/// seconds; Clerk's own libraries allow as much.
const LEEWAY: f64 = 5.0;

/// The claims that say who acts. A name with dots is a way through objects:
/// `metadata.user_id`; a claim whose name has the dots in itself goes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The user's UUID.
    pub user: String,
    /// The organization's UUID.
    pub organization: String,
    /// A name of [`Role::as_str`].
    pub role: String,
}

impl Default for Names {
    /// Where Clerk's guides put what an application adds: the user's public
    /// metadata, under `metadata`. Clerk's own `sub`, `o.id` and `o.rol` hold
    /// its ids and roles, and none of ours.
    fn default() -> Self {
        let below = |name: &str| format!("metadata.{name}");
        Self {
            user: below("user_id"),
            organization: below("organization_id"),
            role: below("role"),
        }
    }
}

/// Who acts, by claims at a time in seconds since 1970. Everything that is
/// asked for has to be there and of the right kind.
pub(super) fn principal(
    claims: &Map<String, Value>,
    settings: &Settings,
    now: f64,
) -> Result<Principal, Refusal> {
    let issuer = claims.get("iss").and_then(Value::as_str);
    if issuer != Some(settings.issuer.as_str()) {
        return Err(Refusal::Issuer);
    }
    if !is_for_us(claims, &settings.audiences) {
        return Err(Refusal::Audience);
    }
    // Clerk: signed in, but with something left to do, which counts as signed out.
    if claims.get("sts").is_some_and(|status| status != "active") {
        return Err(Refusal::PendingSession);
    }
    if seconds(claims, "nbf").is_none_or(|begin| now < begin - LEEWAY) {
        return Err(Refusal::NotBefore);
    }
    let end = seconds(claims, "exp").ok_or(Refusal::Malformed)?;
    if now >= end + LEEWAY {
        return Err(Refusal::Expired);
    }
    who(claims, &settings.names)
}

/// Whether the token is meant for us: `azp`, which Clerk puts in, or `aud`,
/// which a template may; where there are both, both are right.
fn is_for_us(claims: &Map<String, Value>, ours: &[String]) -> bool {
    let is_ours = |value: &Value| {
        value
            .as_str()
            .is_some_and(|one| ours.iter().any(|us| us == one))
    };
    let azp = claims.get("azp").map(is_ours);
    let aud = claims.get("aud").map(|value| match value {
        Value::Array(values) => values.iter().any(is_ours),
        one => is_ours(one),
    });
    match (azp, aud) {
        (None, None) => false,
        (azp, aud) => azp.unwrap_or(true) && aud.unwrap_or(true),
    }
}

/// A NumericDate: a number, maybe with a fraction.
fn seconds(claims: &Map<String, Value>, name: &str) -> Option<f64> {
    claims.get(name).and_then(Value::as_f64)
}

fn who(claims: &Map<String, Value>, names: &Names) -> Result<Principal, Refusal> {
    let user = text(claims, &names.user).and_then(|id| UserId::parse(id).ok());
    let role = text(claims, &names.role).and_then(Role::from_name);
    // A template writes null where there is no organization.
    let organization = find(claims, &names.organization)
        .filter(|id| !id.is_null())
        .map(|id| id.as_str().and_then(|id| OrganizationId::parse(id).ok()))
        .map(|id| id.ok_or(Refusal::Organization))
        .transpose()?;
    Principal::new(
        user.ok_or(Refusal::User)?,
        role.ok_or(Refusal::Role)?,
        organization,
    )
    .ok_or(Refusal::NoOrganization)
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    find(claims, name).and_then(Value::as_str)
}

fn find<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        find(claims.get(first)?.as_object()?, rest)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jwt::{Clock, Source};

    const USER: &str = "0192f0c1-0001-7000-8000-0000000a0001";
    const ORGANIZATION: &str = "0192f0c1-0000-7000-8000-00000000000a";
    const NOW: f64 = 1_800_000_000.0;

    fn settings() -> Settings {
        Settings {
            keys: Source::File("keys.json".into()),
            issuer: "https://clerk.example.com".to_owned(),
            audiences: vec!["https://app.example.com".to_owned(), "clients".to_owned()],
            names: Names::default(),
            clock: Clock::default(),
        }
    }

    fn claims() -> Value {
        json!({
            "iss": "https://clerk.example.com", "azp": "https://app.example.com",
            "sub": "user_2x", "nbf": NOW - 10.0, "exp": NOW + 50.0,
            "metadata": {"user_id": USER, "organization_id": ORGANIZATION, "role": "ORG_ADMIN"},
        })
    }

    fn judge(claims: &Value) -> Result<Principal, Refusal> {
        principal(claims.as_object().expect("an object"), &settings(), NOW)
    }

    /// The claims with some set and, where null, taken away.
    fn but(changes: &Value) -> Value {
        let mut claims = claims();
        let all = claims.as_object_mut().expect("an object");
        for (name, value) in changes.as_object().expect("an object") {
            match value {
                Value::Null => all.remove(name),
                value => all.insert(name.clone(), value.clone()),
            };
        }
        claims
    }

    #[test]
    fn who_gets_in() {
        let user = UserId::parse(USER).expect("an id");
        for changes in [
            json!({}),
            json!({"azp": null, "aud": "clients"}),
            json!({"azp": null, "aud": ["others", "clients"]}),
            json!({"aud": "clients"}),
            json!({"sts": "active"}),
            json!({"nbf": NOW + 5.0, "exp": NOW - 4.0}),
            json!({"nbf": 1_799_999_999, "exp": 1_800_000_000.5}),
            json!({"iat": NOW + 1000.0}),
        ] {
            let principal = judge(&but(&changes)).unwrap_or_else(|no| panic!("{changes}: {no:?}"));
            assert_eq!(principal.user(), user);
            let own = OrganizationId::parse(ORGANIZATION).ok();
            assert_eq!(principal.organization(), own);
        }
        let root =
            json!({"metadata": {"user_id": USER, "organization_id": null, "role": "SUPER_ADMIN"}});
        assert!(judge(&but(&root)).is_ok());
    }

    #[test]
    fn who_does_not() {
        let who = |user: Value, organization: Value, role: Value| json!({"metadata": {"user_id": user, "organization_id": organization, "role": role}});
        let (user, own, role) = (json!(USER), json!(ORGANIZATION), json!("ORG_ADMIN"));
        let cases = [
            (json!({"iss": null}), Refusal::Issuer),
            (
                json!({"iss": "https://clerk.example.com/"}),
                Refusal::Issuer,
            ),
            (
                json!({"iss": ["https://clerk.example.com"]}),
                Refusal::Issuer,
            ),
            (json!({"azp": null}), Refusal::Audience),
            (
                json!({"azp": "https://evil.example.com"}),
                Refusal::Audience,
            ),
            (json!({"azp": 1}), Refusal::Audience),
            (json!({"azp": null, "aud": "others"}), Refusal::Audience),
            (json!({"azp": null, "aud": []}), Refusal::Audience),
            (json!({"aud": "others"}), Refusal::Audience),
            (
                json!({"aud": "clients", "azp": "https://evil.example.com"}),
                Refusal::Audience,
            ),
            (json!({"sts": "pending"}), Refusal::PendingSession),
            (json!({"nbf": null}), Refusal::NotBefore),
            (json!({"nbf": "0"}), Refusal::NotBefore),
            (json!({"nbf": NOW + 5.1}), Refusal::NotBefore),
            (json!({"exp": null}), Refusal::Malformed),
            (json!({"exp": "9999999999"}), Refusal::Malformed),
            (json!({"exp": NOW - 5.0}), Refusal::Expired),
            (json!({"exp": -1}), Refusal::Expired),
            (json!({"metadata": null}), Refusal::User),
            (json!({"metadata": "x"}), Refusal::User),
            (
                who(json!("user_2x"), own.clone(), role.clone()),
                Refusal::User,
            ),
            (who(json!(1), own.clone(), role.clone()), Refusal::User),
            (who(user.clone(), own.clone(), Value::Null), Refusal::Role),
            (
                who(user.clone(), own.clone(), json!("org_admin")),
                Refusal::Role,
            ),
            (
                who(user.clone(), own.clone(), json!(["ORG_ADMIN"])),
                Refusal::Role,
            ),
            (
                who(user.clone(), json!("org_2x"), role.clone()),
                Refusal::Organization,
            ),
            (
                who(user.clone(), json!(""), role.clone()),
                Refusal::Organization,
            ),
            (
                who(user.clone(), json!(1), json!("SUPER_ADMIN")),
                Refusal::Organization,
            ),
            (who(user, Value::Null, role), Refusal::NoOrganization),
        ];
        for (changes, refusal) in cases {
            assert_eq!(judge(&but(&changes)), Err(refusal), "{changes}");
        }
    }

    #[test]
    fn names_are_ways_through_objects() {
        let claims = json!({"a": {"b": {"c": 1}, "b.d": 2}, "https://x.y/role": 3, "a.b": 4});
        let claims = claims.as_object().expect("an object");
        let cases = [
            ("a.b.c", Some(1)),
            ("a.b.d", Some(2)),
            ("https://x.y/role", Some(3)),
            ("a.b", Some(4)),
            ("a.c", None),
            ("a.b.c.d", None),
            ("", None),
        ];
        for (name, value) in cases {
            assert_eq!(find(claims, name).and_then(Value::as_i64), value, "{name}");
        }
    }
}
