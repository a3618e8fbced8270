//! A JSON Web Key Set (RFC 7517) → the keys that RS256 is checked with.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::Deserialize;
use serde_json::Value;

/// The one algorithm (RFC 8725 §3.1: never the token's choice).
pub(super) const ALGORITHM: &str = "RS256";

/// Least and most bits of a modulus, as ring takes them.
const MODULUS: RangeInclusive<usize> = 2048..=8192;

/// An RSA key of 2048 bits at least.
#[derive(Debug)]
pub(super) struct PublicKey(RsaPublicKeyComponents<Vec<u8>>);

impl PublicKey {
    /// Whether `signature` is this key's RS256 of `message`.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            .is_ok()
    }
}

/// Keys by their `kid`. Never empty.
#[derive(Debug)]
pub(super) struct Keys(HashMap<String, Arc<PublicKey>>);

/// Why a document is no set of keys.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("the answer is no JSON Web Key Set")]
    NoSet,
    #[error("no key of the set can check RS256")]
    NoKey,
    #[error("two keys of the set have one kid")]
    Ambiguous,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    n: String,
    e: String,
    r#use: Option<String>,
    alg: Option<String>,
    key_ops: Option<Vec<String>>,
}

impl Keys {
    /// Reads a set. Keys of another kind, length or use are passed over, as
    /// RFC 7517 §5 asks.
    pub(super) fn parse(document: &[u8]) -> Result<Self, Flaw> {
        let set: Set = serde_json::from_slice(document).map_err(|_| Flaw::NoSet)?;
        let mut keys = HashMap::new();
        for key in set.keys {
            let Some((kid, key)) = serde_json::from_value(key).ok().and_then(usable) else {
                continue;
            };
            if keys.insert(kid, Arc::new(key)).is_some() {
                return Err(Flaw::Ambiguous);
            }
        }
        if keys.is_empty() {
            return Err(Flaw::NoKey);
        }
        Ok(Self(keys))
    }

    /// The key of a `kid`.
    pub(super) fn get(&self, kid: &str) -> Option<Arc<PublicKey>> {
        self.0.get(kid).cloned()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

fn usable(key: Jwk) -> Option<(String, PublicKey)> {
    let is_for_us = key.kty == "RSA"
        && !key.kid.is_empty()
        && key.r#use.is_none_or(|r#use| r#use == "sig")
        && key.alg.is_none_or(|alg| alg == ALGORITHM)
        && key
            .key_ops
            .is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    let (n, e) = (number(&key.n)?, number(&key.e)?);
    let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
    (is_for_us && MODULUS.contains(&bits))
        .then_some((key.kid, PublicKey(RsaPublicKeyComponents { n, e })))
}

/// A Base64urlUInt (RFC 7518 §2), less the zeros that some write before it.
fn number(text: &str) -> Option<Vec<u8>> {
    let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn modulus(bytes: usize) -> String {
        URL_SAFE_NO_PAD.encode(vec![0xc1; bytes])
    }

    fn key() -> Value {
        json!({"kty": "RSA", "kid": "a", "use": "sig", "alg": "RS256", "n": modulus(256), "e": "AQAB"})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut key = key();
        key[name] = value;
        key
    }

    fn without(name: &str) -> Value {
        let mut key = key();
        key.as_object_mut().expect("an object").remove(name);
        key
    }

    fn parse(keys: &[Value]) -> Result<usize, Flaw> {
        Keys::parse(json!({"keys": keys}).to_string().as_bytes()).map(|keys| keys.len())
    }

    #[test]
    fn which_keys_are_taken() {
        let taken = [
            key(),
            without("use"),
            without("alg"),
            with("key_ops", json!(["verify"])),
            with("n", modulus(1024).into()),
            with("x5c", json!(["whatever"])),
            with(
                "n",
                URL_SAFE_NO_PAD
                    .encode([&[1][..], &[0xc1; 256]].concat())
                    .into(),
            ),
            with(
                "n",
                URL_SAFE_NO_PAD
                    .encode([&[0][..], &[0xc1; 256]].concat())
                    .into(),
            ),
        ];
        for key in taken {
            assert_eq!(parse(std::slice::from_ref(&key)), Ok(1), "{key}");
        }
        let passed_over = [
            with("kty", "EC".into()),
            with("kty", "oct".into()),
            with("use", "enc".into()),
            with("alg", "RS384".into()),
            with("alg", "HS256".into()),
            with("key_ops", json!(["encrypt"])),
            with("kid", "".into()),
            with("kid", 1.into()),
            without("kid"),
            without("n"),
            without("e"),
            with("n", "***".into()),
            with("n", modulus(128).into()),
            with("n", modulus(255).into()),
            with("n", modulus(1025).into()),
            // A bit too few.
            with("n", URL_SAFE_NO_PAD.encode([0x41; 256]).into()),
            with("n", URL_SAFE_NO_PAD.encode([0; 256]).into()),
            "not an object".into(),
        ];
        for bad in passed_over {
            assert_eq!(parse(std::slice::from_ref(&bad)), Err(Flaw::NoKey), "{bad}");
            let beside = with("kid", "b".into());
            assert_eq!(parse(&[bad.clone(), beside]), Ok(1), "{bad}");
        }
    }

    #[test]
    fn what_is_no_set() {
        for document in [
            "",
            "[]",
            "{}",
            "<html>",
            r#"{"keys": 1}"#,
            r#"{"keys": {}}"#,
        ] {
            let flaw = Keys::parse(document.as_bytes()).expect_err(document);
            assert_eq!(flaw, Flaw::NoSet, "{document}");
        }
        assert_eq!(parse(&[]), Err(Flaw::NoKey));
        assert_eq!(parse(&[key(), key()]), Err(Flaw::Ambiguous));
    }
}
