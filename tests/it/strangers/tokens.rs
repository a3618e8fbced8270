//! Bad identities in jwt mode.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nvito_clients::domain::principal::Role;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PSS_SHA256,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Stranger;
use crate::support::{Issuer, Key, sign};

const AUTHORIZATION: &str = "authorization";
const MISSING: &str = "IDENTITY_MISSING";
const INVALID: &str = "IDENTITY_INVALID";

/// A key of 1024 bits and a token that it has signed, which is right besides.
const SHORT: &str = include_str!("../../data/jwt/short.json");

/// Keys that stand in the set of the issuer and must not be used.
pub(super) fn keys_not_for_us() -> Vec<Value> {
    let second = Key::second().public();
    let with = |kid: &str, name: &str, value: &str| {
        let mut key = second.clone();
        key["kid"] = kid.into();
        key[name] = value.into();
        key
    };
    let short: Value = serde_json::from_str(SHORT).expect("JSON");
    vec![
        with("for encryption", "use", "enc"),
        with("of another algorithm", "alg", "RS384"),
        with("of another kind", "kty", "EC"),
        with("short", "n", short["n"].as_str().expect("a text")),
    ]
}

/// Everybody who is nobody; `first` is the issuer's only key.
pub(super) fn strangers(issuer: &Issuer, first: &Key, organization: &str) -> Vec<Stranger> {
    let root = issuer.claims(Role::SuperAdmin, None);
    let mut all = around_a_token(&first.token(&root), organization);
    let bearers = signatures(first, &root)
        .into_iter()
        .chain(claims(issuer, first, organization));
    all.extend(bearers.map(|(kind, token, reason)| Stranger {
        kind,
        metadata: vec![(AUTHORIZATION, format!("Bearer {token}"))],
        reason,
        key: AUTHORIZATION,
    }));
    all
}

/// A good token, put wrongly; and what else might be taken for an identity.
fn around_a_token(good: &str, organization: &str) -> Vec<Stranger> {
    let bearer = format!("Bearer {good}");
    let user = Uuid::now_v7().to_string();
    let (signed, signature) = good.rsplit_once('.').expect("a token");
    let (header, claims) = signed.split_once('.').expect("a token");
    let token = |value: &str| vec![(AUTHORIZATION, value.to_owned())];
    let beside = |key, value: &str| vec![(AUTHORIZATION, bearer.clone()), (key, value.to_owned())];
    let plain = vec![
        ("x-user-id", user.clone()),
        ("x-role", "SUPER_ADMIN".to_owned()),
    ];
    let broken = format!("Bearer {header}.{claims}A.{signature}");
    let all = [
        ("nothing", vec![], MISSING, AUTHORIZATION),
        ("plain keys", plain, INVALID, "x-user-id"),
        (
            "a user beside",
            beside("x-user-id", &user),
            INVALID,
            "x-user-id",
        ),
        (
            "an organization beside",
            beside("x-organization-id", organization),
            INVALID,
            "x-organization-id",
        ),
        (
            "a role beside",
            beside("x-role", "SUPER_ADMIN"),
            INVALID,
            "x-role",
        ),
        (
            "an empty role beside",
            beside("x-role", ""),
            INVALID,
            "x-role",
        ),
        (
            "two tokens",
            beside(AUTHORIZATION, &bearer),
            INVALID,
            AUTHORIZATION,
        ),
        (
            "two languages",
            [beside("accept-language", "en"), token("")].concat(),
            INVALID,
            AUTHORIZATION,
        ),
        (
            "a bad request id",
            beside("x-request-id", "a b"),
            INVALID,
            "x-request-id",
        ),
        ("an empty value", token(""), INVALID, AUTHORIZATION),
        ("a scheme only", token("Bearer"), INVALID, AUTHORIZATION),
        ("an empty token", token("Bearer "), INVALID, AUTHORIZATION),
        ("no scheme", token(good), INVALID, AUTHORIZATION),
        (
            "another scheme",
            token(&format!("Basic {good}")),
            INVALID,
            AUTHORIZATION,
        ),
        (
            "two in one",
            token(&format!("{bearer}, {bearer}")),
            INVALID,
            AUTHORIZATION,
        ),
        ("no token", token("Bearer root"), INVALID, AUTHORIZATION),
        (
            "no signature",
            token(&format!("Bearer {signed}")),
            INVALID,
            AUTHORIZATION,
        ),
        (
            "an empty signature",
            token(&format!("Bearer {signed}.")),
            INVALID,
            AUTHORIZATION,
        ),
        (
            "five parts",
            token(&format!("{bearer}.AA.AA")),
            INVALID,
            AUTHORIZATION,
        ),
        (
            "padding",
            token(&format!("{bearer}==")),
            INVALID,
            AUTHORIZATION,
        ),
        (
            "claims that are broken",
            token(&broken),
            INVALID,
            AUTHORIZATION,
        ),
        (
            "9 KiB",
            token(&format!("{bearer}{}", "A".repeat(9 * 1024))),
            INVALID,
            AUTHORIZATION,
        ),
    ];
    all.into_iter()
        .map(|(kind, metadata, reason, key)| Stranger {
            kind,
            metadata,
            reason,
            key,
        })
        .collect()
}

type Bearer = (&'static str, String, &'static str);

/// The right claims under a header or a signature that is wrong.
fn signatures(first: &Key, root: &Value) -> Vec<Bearer> {
    let header = |changes: Value| {
        let mut header = json!({"alg": "RS256", "typ": "JWT", "kid": "first"});
        for (name, value) in changes.as_object().expect("an object") {
            header[name] = value.clone();
        }
        header
    };
    let rs256 = |text: &str| first.signature(text, &RSA_PKCS1_SHA256);
    let first_says = |changes: Value| sign(&header(changes), root, rs256);
    let (second, stranger) = (Key::second(), Key::stranger());
    let second_says = |kid: &str| {
        let by = |text: &str| second.signature(text, &RSA_PKCS1_SHA256);
        sign(&header(json!({ "kid": kid })), root, by)
    };
    let stranger_says = |changes: Value| {
        let by = |text: &str| stranger.signature(text, &RSA_PKCS1_SHA256);
        sign(&header(changes), root, by)
    };
    let with_secret = |secret: &[u8]| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let by = |text: &str| hmac::sign(&key, text.as_bytes()).as_ref().to_vec();
        sign(&header(json!({"alg": "HS256"})), root, by)
    };
    let public = first.pair.public();
    let modulus = first.components().n;
    let good = first_says(json!({}));
    let (signed, signature) = good.rsplit_once('.').expect("a token");
    let (head, _) = signed.split_once('.').expect("a token");
    let mut richer = root.clone();
    richer["metadata"]["user_id"] = Uuid::now_v7().to_string().into();
    let richer = URL_SAFE_NO_PAD.encode(richer.to_string());
    let mut flipped = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    flipped[0] ^= 1;
    let short: Value = serde_json::from_str(SHORT).expect("JSON");
    let all = [
        (
            "none, unsigned",
            sign(&header(json!({"alg": "none"})), root, |_| vec![]),
        ),
        ("none, signed", first_says(json!({"alg": "none"}))),
        ("NONE, signed", first_says(json!({"alg": "NONE"}))),
        ("HS256 with the public key", with_secret(public.as_ref())),
        ("HS256 with the modulus", with_secret(&modulus)),
        (
            "HS256 said, RS256 done",
            first_says(json!({"alg": "HS256"})),
        ),
        (
            "RS384",
            sign(&header(json!({"alg": "RS384"})), root, |text| {
                first.signature(text, &RSA_PKCS1_SHA384)
            }),
        ),
        (
            "RS256 said, RS384 done",
            sign(&header(json!({})), root, |text| {
                first.signature(text, &RSA_PKCS1_SHA384)
            }),
        ),
        (
            "PS256",
            sign(&header(json!({"alg": "PS256"})), root, |text| {
                first.signature(text, &RSA_PSS_SHA256)
            }),
        ),
        (
            "ES256",
            sign(&header(json!({"alg": "ES256"})), root, by_curve),
        ),
        ("no algorithm", first_says(json!({"alg": null}))),
        ("no kid", first_says(json!({"kid": null}))),
        ("an empty kid", first_says(json!({"kid": ""}))),
        ("an unknown kid", stranger_says(json!({"kid": "stranger"}))),
        ("a stranger's key", stranger_says(json!({}))),
        (
            "a key brought along",
            stranger_says(json!({"jwk": stranger.public()})),
        ),
        ("the kid of another key", second_says("first")),
        ("a key for encryption", second_says("for encryption")),
        (
            "a key of another algorithm",
            second_says("of another algorithm"),
        ),
        ("a key of another kind", second_says("of another kind")),
        (
            "a key of 1024 bits",
            short["token"].as_str().expect("a text").to_owned(),
        ),
        (
            "something critical",
            first_says(json!({"crit": ["b64"], "b64": true})),
        ),
        ("another type", first_says(json!({"typ": "logout+jwt"}))),
        ("claims exchanged", format!("{head}.{richer}.{signature}")),
        (
            "a signature of another bit",
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(flipped)),
        ),
    ];
    all.into_iter()
        .map(|(kind, token)| (kind, token, INVALID))
        .collect()
}

fn by_curve(text: &str) -> Vec<u8> {
    let random = SystemRandom::new();
    let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(kind, &random).expect("a key");
    let pair = EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random).expect("a key");
    let signature = pair.sign(&random, text.as_bytes()).expect("signed");
    signature.as_ref().to_vec()
}

/// Well signed, and wrong in what it says.
fn claims(issuer: &Issuer, first: &Key, organization: &str) -> Vec<Bearer> {
    let now = issuer.clock.since_1970().as_secs();
    let root = |changes: Value| {
        let mut claims = issuer.claims(Role::SuperAdmin, None);
        let all = claims.as_object_mut().expect("an object");
        for (name, value) in changes.as_object().expect("an object") {
            match value {
                Value::Null => all.remove(name),
                value => all.insert(name.clone(), value.clone()),
            };
        }
        first.token(&claims)
    };
    let who = |name: &str, value: Value| {
        let mut claims = issuer.claims(Role::PlatformAdmin, Some(organization));
        claims["metadata"][name] = value;
        first.token(&claims)
    };
    vec![
        ("no issuer", root(json!({"iss": null})), INVALID),
        (
            "another issuer",
            root(json!({"iss": "https://evil.test"})),
            INVALID,
        ),
        ("nobody's", root(json!({"azp": null})), INVALID),
        (
            "somebody else's",
            root(json!({"azp": "https://evil.test"})),
            INVALID,
        ),
        (
            "somebody else's too",
            root(json!({"aud": "https://evil.test"})),
            INVALID,
        ),
        ("no end", root(json!({"exp": null})), INVALID),
        (
            "an end in words",
            root(json!({"exp": "2100-01-01"})),
            INVALID,
        ),
        ("expired", root(json!({"exp": now - 60})), "TOKEN_EXPIRED"),
        ("no beginning", root(json!({"nbf": null})), INVALID),
        ("too early", root(json!({"nbf": now + 3600})), INVALID),
        (
            "a session that is pending",
            root(json!({"sts": "pending"})),
            INVALID,
        ),
        ("nobody", root(json!({"metadata": null})), INVALID),
        ("no user", who("user_id", Value::Null), INVALID),
        ("a user of Clerk", who("user_id", "user_2x".into()), INVALID),
        ("no role", who("role", Value::Null), INVALID),
        ("a role of Clerk", who("role", "org:admin".into()), INVALID),
        (
            "a role in small letters",
            who("role", "super_admin".into()),
            INVALID,
        ),
        (
            "a list of roles",
            who("role", json!(["SUPER_ADMIN"])),
            INVALID,
        ),
        (
            "an organization of Clerk",
            who("organization_id", "org_2x".into()),
            INVALID,
        ),
        (
            "no organization",
            who("organization_id", Value::Null),
            MISSING,
        ),
    ]
}
