//! What a call carries besides its message: a request id, a language, a
//! deadline, and what kind of call it is.

use std::time::Duration;

use http::Request;
use tokio::time::Instant;
use uuid::Uuid;

use super::layers::Class;
use super::layers::deadline::allowance;
use super::staleness::{self, MAX_STALENESS};

/// Names the call in answers and in the log.
pub const REQUEST_ID: &str = "x-request-id";
/// The language a person wants to read.
pub const ACCEPT_LANGUAGE: &str = "accept-language";

/// Most characters of a request id.
const REQUEST_ID_MOST: usize = 128;

/// Put into every request's extensions by `layers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The caller's, or one made up.
    pub request_id: String,
    /// Of human messages.
    pub language: Language,
    /// How old a read may be; `None` when it must be new.
    pub staleness: Option<Duration>,
    /// When the call ends, done or not.
    pub deadline: Instant,
    /// What kind of call it is.
    pub class: Class,
}

impl Context {
    /// The context of a request. A request id or a staleness that is no such
    /// thing is left out here and refused by `identity`.
    pub fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        let request_id = headers
            .get(REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|id| is_request_id(id))
            .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
        let language = headers
            .get(ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok())
            .map_or(Language::Spanish, Language::accepted);
        let staleness = headers
            .get(MAX_STALENESS)
            .and_then(|value| value.to_str().ok())
            .and_then(staleness::parse);
        Self {
            request_id,
            language,
            staleness,
            deadline: Instant::now() + allowance(request.uri().path(), headers),
            class: Class::of(request.uri().path()),
        }
    }
}

/// Whether `id` is 1–128 visible ASCII characters.
pub fn is_request_id(id: &str) -> bool {
    (1..=REQUEST_ID_MOST).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The languages of human messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// es-MX, the default.
    Spanish,
    /// en.
    English,
}

impl Language {
    /// As a BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Spanish => "es-MX",
            Self::English => "en",
        }
    }

    /// The best of an `Accept-Language` (RFC 9110 §12.5.4); Spanish when it
    /// names neither.
    fn accepted(header: &str) -> Self {
        let mut best = (0.0, Self::Spanish);
        for range in header.split(',') {
            let mut parts = range.split(';');
            let primary = parts.next().unwrap_or_default().trim().split('-').next();
            let language = match primary.map(str::to_ascii_lowercase).as_deref() {
                Some("en") => Self::English,
                Some("es" | "*") => Self::Spanish,
                _ => continue,
            };
            let quality = parts
                .find_map(|part| part.trim().strip_prefix("q="))
                .map_or(1.0, |quality| quality.parse::<f32>().unwrap_or(0.0));
            if quality > best.0 {
                best = (quality, language);
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages() {
        let cases = [
            ("en", Language::English),
            ("en-US", Language::English),
            ("EN", Language::English),
            ("es-MX", Language::Spanish),
            ("fr", Language::Spanish),
            ("", Language::Spanish),
            ("fr, en;q=0.5", Language::English),
            ("es;q=0.8, en;q=0.9", Language::English),
            ("en;q=0.3, es-ES;q=0.4", Language::Spanish),
            ("en;q=0", Language::Spanish),
            ("en;q=x", Language::Spanish),
        ];
        for (header, language) in cases {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }

    #[test]
    fn request_ids() {
        assert!(is_request_id("a"));
        assert!(is_request_id(&"~".repeat(128)));
        for bad in ["", "a b", "ñ", "a\u{7f}", &"a".repeat(129)] {
            assert!(!is_request_id(bad), "{bad}");
        }
    }
}
