//! A signed token in its compact form (RFC 7515 §3.1) → its claims.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::Refusal;
use super::keys::{ALGORITHM, PublicKey};

/// Most bytes of a token; Clerk's stay below the 4 KiB of a cookie.
pub(super) const TOKEN_MOST: usize = 8 * 1024;

/// A token whose header is in order. Nothing else of it is known, or believed.
pub(super) struct Token<'a> {
    kid: String,
    /// Header and claims, as they were signed.
    signed: &'a str,
    claims: &'a str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
}

impl<'a> Token<'a> {
    /// Reads the header. The algorithm is ours, and what is marked critical we
    /// do not know (RFC 8725 §3.1, RFC 7515 §4.1.11); a `jwk` or `jku` in it
    /// is nothing that we would look at.
    pub(super) fn read(text: &'a str) -> Result<Self, Refusal> {
        if text.len() > TOKEN_MOST {
            return Err(Refusal::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Refusal::Malformed)?;
        let header: Header = serde_json::from_slice(&bytes(header)?).map_err(malformed)?;
        if header.alg != ALGORITHM {
            return Err(Refusal::Algorithm);
        }
        if header.crit.is_some() {
            return Err(Refusal::Critical);
        }
        // What other kinds of tokens say of themselves (RFC 8725 §3.11).
        let is_ours = |typ: &str| ["jwt", "at+jwt"].contains(&typ.to_ascii_lowercase().as_str());
        if !header.typ.as_deref().is_none_or(is_ours) {
            return Err(Refusal::Type);
        }
        Ok(Self {
            kid: header.kid,
            signed,
            claims,
            signature: bytes(signature)?,
        })
    }

    /// The key that shall have signed it.
    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// What it says, if `key` has signed it.
    pub(super) fn claims(&self, key: &PublicKey) -> Result<Map<String, Value>, Refusal> {
        if !key.has_signed(self.signed.as_bytes(), &self.signature) {
            return Err(Refusal::Signature);
        }
        serde_json::from_slice(&bytes(self.claims)?).map_err(malformed)
    }
}

fn bytes(part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed)
}

fn malformed(_: serde_json::Error) -> Refusal {
    Refusal::Malformed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Option<Refusal> {
        let token = format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(header));
        Token::read(&token).err()
    }

    #[test]
    fn headers() {
        let cases = [
            (r#"{"alg":"RS256","kid":"a"}"#, None),
            (r#"{"alg":"RS256","kid":"a","typ":"JWT","cat":"x"}"#, None),
            (r#"{"alg":"RS256","kid":"a","typ":"at+jwt"}"#, None),
            (r#"{"alg":"RS256","kid":"a","jku":"https://evil"}"#, None),
            (r#"{"alg":"none","kid":"a"}"#, Some(Refusal::Algorithm)),
            (r#"{"alg":"rs256","kid":"a"}"#, Some(Refusal::Algorithm)),
            (r#"{"alg":"HS256","kid":"a"}"#, Some(Refusal::Algorithm)),
            (r#"{"alg":"RS384","kid":"a"}"#, Some(Refusal::Algorithm)),
            (r#"{"alg":"PS256","kid":"a"}"#, Some(Refusal::Algorithm)),
            (r#"{"alg":"ES256","kid":"a"}"#, Some(Refusal::Algorithm)),
            (r#"{"alg":["RS256"],"kid":"a"}"#, Some(Refusal::Malformed)),
            (r#"{"kid":"a"}"#, Some(Refusal::Malformed)),
            (r#"{"alg":"RS256"}"#, Some(Refusal::Malformed)),
            (r#"{"alg":"RS256","kid":1}"#, Some(Refusal::Malformed)),
            (
                r#"{"alg":"none","alg":"RS256","kid":"a"}"#,
                Some(Refusal::Malformed),
            ),
            (
                r#"{"alg":"RS256","kid":"a","crit":["exp"]}"#,
                Some(Refusal::Critical),
            ),
            (
                r#"{"alg":"RS256","kid":"a","typ":"logout+jwt"}"#,
                Some(Refusal::Type),
            ),
            ("[]", Some(Refusal::Malformed)),
            ("", Some(Refusal::Malformed)),
        ];
        for (header, refusal) in cases {
            assert_eq!(read(header), refusal, "{header}");
        }
    }

    #[test]
    fn forms() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"a"}"#);
        let long = "A".repeat(TOKEN_MOST);
        let cases = [
            (String::new(), Refusal::Malformed),
            (header.clone(), Refusal::Malformed),
            (format!("{header}.e30"), Refusal::Malformed),
            (format!("{header}.e30.AA.AA"), Refusal::Malformed),
            (format!("{header}.a.e30.AA.AA"), Refusal::Malformed),
            (format!("{header}==.e30.AA"), Refusal::Malformed),
            (format!("{header}.e30.AA=="), Refusal::Malformed),
            (format!("{header}.e30.A+"), Refusal::Malformed),
            (format!(" {header}.e30.AA"), Refusal::Malformed),
            (format!("{header}.e30.{long}"), Refusal::TooLong),
        ];
        for (text, refusal) in cases {
            let read = Token::read(&text)
                .and_then(|token| bytes(token.claims))
                .expect_err(&text);
            assert_eq!(read, refusal, "{text}");
        }
    }
}
