//! Page tokens: where the next page begins, good for one list only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::error::{Error, Problem};

/// What a token is good for: the filters, order and organization of its list,
/// hashed.
pub type Fingerprint = [u8; 16];

const VERSION: u8 = 2;
/// Of the release before, still read: it had the fingerprint of the list alone, and a place
/// that was damaged on its way was another place.
const FORMER: u8 = 1;

/// Most bytes of a token: a name of 255 characters of four bytes and what
/// stands beside it.
const MOST: usize = 1200;

/// A `next_page_token` of `list` that holds `place`.
pub fn seal(list: &Fingerprint, place: &[u8]) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&seal_of(list, place));
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
        let (seal, place) = rest.split_first_chunk::<16>()?;
        let is_whole = match version {
            VERSION => *seal == seal_of(list, place),
            FORMER => seal == list,
            _ => false,
        };
        read(place).filter(|_| is_whole)
    };
    place().ok_or_else(|| Error::rule("page_token", Problem::InvalidPageToken))
}

/// What tells a token of another list, or one that is damaged, from a good one. No
/// secret: whoever makes their own gets what the list would show them anyway.
fn seal_of(list: &Fingerprint, place: &[u8]) -> [u8; 16] {
    let digest = Sha256::new()
        .chain_update(list)
        .chain_update(place)
        .finalize();
    std::array::from_fn(|byte| digest[byte])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_the_release_before_is_read_for_its_own_list() {
        let bytes = [&[FORMER][..], &[7; 16], b"somewhere"].concat();
        let token = URL_SAFE_NO_PAD.encode(bytes);
        let read = |list: u8| open(&token, &[list; 16], |place| Some(place.to_vec()));
        assert_eq!(read(7).expect("its own"), b"somewhere");
        assert!(read(8).is_err());
    }

    #[test]
    fn a_damaged_token_is_none() {
        let list = [7; 16];
        let token = seal(&list, b"somewhere in it");
        let read = |token: &str| open(token, &list, |place| Some(place.to_vec()));
        assert_eq!(read(&token).expect("whole"), b"somewhere in it");
        for (at, was) in token.char_indices() {
            let other = if was == 'A' { 'B' } else { 'A' };
            let damaged = format!("{}{other}{}", &token[..at], &token[at + 1..]);
            assert!(read(&damaged).is_err(), "{at}: {damaged}");
        }
    }
}
