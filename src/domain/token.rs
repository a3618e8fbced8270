//! Page tokens: where the next page begins, good for one list only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Error, Problem};

/// What a token is good for: the filters, order and organization of its list,
/// hashed.
pub type Fingerprint = [u8; 16];

const VERSION: u8 = 1;

/// Most bytes of a token: a name of 255 characters of four bytes and what
/// stands beside it.
const MOST: usize = 1200;

/// A `next_page_token` of `list` that holds `place`.
pub fn seal(list: &Fingerprint, place: &[u8]) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(list);
    bytes.extend_from_slice(place);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What `read` makes of the place in a `page_token`; fails with
/// `INVALID_PAGE_TOKEN` when that is nothing or the token is not of `list`.
pub fn open<T>(
    token: &str,
    list: &Fingerprint,
    read: impl FnOnce(&[u8]) -> Option<T>,
) -> Result<T, Error> {
    let place = || {
        let bytes = URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .filter(|bytes| bytes.len() <= MOST)?;
        let (&version, rest) = bytes.split_first()?;
        let (fingerprint, place) = rest.split_first_chunk::<16>()?;
        if version != VERSION || fingerprint != list {
            return None;
        }
        read(place)
    };
    place().ok_or_else(|| Error::rule("page_token", Problem::InvalidPageToken))
}
