//! What holds for every input, whatever it is: asked by the fuzz targets of
//! anything, and by `tests/it/corpora.rs` of what is kept in `corpus/`.

use std::sync::LazyLock;

use chrono::DateTime;
use nvito_clients::domain::page::{Cursor, OrderBy, SortKey};
use nvito_clients::domain::phone::Phone;
use nvito_clients::domain::rfc::{self, Rfc};
use nvito_clients::domain::search::Search;
use nvito_clients::domain::{email, token};
use nvito_clients::grpc::mask_names;
use regex::Regex;
use uuid::Uuid;

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// Normalising twice is normalising once; what is accepted has SAT's form, is
/// accepted again as the same, and can be assessed.
pub fn rfc(data: &[u8]) {
    static FORM: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("^[A-ZÑ&]{3,4}[0-9]{6}[A-Z0-9]{3}$").expect("a pattern"));
    let Some(text) = text(data) else { return };
    let normal = rfc::normalize(text);
    assert_eq!(rfc::normalize(&normal), normal);
    if let Ok(Some(rfc)) = Rfc::parse(text) {
        assert_eq!(rfc.as_str(), normal);
        assert!(FORM.is_match(rfc.as_str()), "{rfc:?}");
        assert_eq!(Rfc::parse(rfc.as_str()), Ok(Some(rfc.clone())));
        let _ = (rfc.kind(), rfc.advisories());
    }
}

/// What is accepted is printable ASCII with one `@` and a dot behind it, no
/// longer than the column, and accepted again as the same.
pub fn email(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(Some(address)) = email::parse(text) {
        assert!(
            address.bytes().all(|byte| byte.is_ascii_graphic()),
            "{address}"
        );
        let (local, domain) = address.split_once('@').expect("an @");
        assert!(!local.is_empty() && !domain.contains('@') && domain.contains('.'));
        assert!(address.len() <= email::MOST);
        assert_eq!(email::parse(&address), Ok(Some(address)));
    }
}

/// What is accepted is at most twenty characters, kept as typed; its number
/// is E.164 and reads as itself.
pub fn phone(data: &[u8]) {
    static FORM: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^\+[1-9][0-9]{3,16}$").expect("a pattern"));
    let Some(text) = text(data) else { return };
    if let Ok(Some(phone)) = Phone::parse(text) {
        assert_eq!(phone.typed, text.trim());
        assert!(phone.typed.chars().count() <= 20);
        if let Some(e164) = phone.e164 {
            assert!(FORM.is_match(&e164), "{e164}");
            let again = nvito_clients::domain::phone::e164(&e164);
            assert_eq!(again.as_deref(), Some(e164.as_str()));
        }
    }
}

/// What is sealed opens to itself, for its own list only; a token that opens
/// seals to itself; and no token of anybody's making panics.
pub fn page_token(data: &[u8]) {
    let list = [7; 16];
    let place = &data[..data.len().min(1000)];
    let sealed = token::seal(&list, place);
    let opened = token::open(&sealed, &list, |bytes| Some(bytes.to_vec()));
    assert_eq!(opened.ok().as_deref(), Some(place));
    assert!(token::open(&sealed, &[8; 16], |_| Some(())).is_err());
    for by in [OrderBy::Name, OrderBy::CreatedAt, OrderBy::UpdatedAt] {
        // The place of a caller's choice, in a token that is well made.
        if let Ok(cursor) = Cursor::decode(&sealed, by, &list) {
            assert_eq!(cursor.encode(&list), sealed);
        }
        if let Some(text) = text(data)
            && let Ok(cursor) = Cursor::decode(text, by, &list)
        {
            assert_eq!(cursor.encode(&list), text);
        }
    }
    // No character of the envelope can be another.
    let honest = Cursor {
        key: SortKey::Time(DateTime::UNIX_EPOCH),
        id: Uuid::nil(),
        page: 2,
    };
    let honest = honest.encode(&list);
    if let [at, byte, ..] = *data {
        // Version and fingerprint are 17 bytes: 22 characters are wholly theirs.
        let at = usize::from(at) % 22;
        let mut forged = honest.clone().into_bytes();
        forged[at] = byte & 0x7f;
        let forged = String::from_utf8(forged).expect("ASCII");
        let opened = Cursor::decode(&forged, OrderBy::CreatedAt, &list);
        assert_eq!(opened.is_ok(), forged == honest, "{forged}");
    }
}

/// What a mask names, it names once; and that mask names the same.
pub fn field_mask(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let paths: Vec<String> = text.split(',').map(str::to_owned).collect();
    if let Ok(names) = mask_names(&paths) {
        let canonical: Vec<String> = names.iter().map(ToString::to_string).collect();
        assert_eq!(mask_names(&canonical).as_ref(), Ok(&names));
        assert!(!names.is_empty() && names.len() <= paths.len());
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name), "{name} twice");
        }
    }
}

/// What is looked for is trimmed, at most a hundred characters without control
/// characters, and its digits are digits; it is looked for again as the same.
pub fn search(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(Some(search)) = Search::parse(text) {
        assert_eq!(search.fragment, text.trim());
        assert!((1..=100).contains(&search.fragment.chars().count()));
        assert!(!search.fragment.chars().any(char::is_control));
        if let Some(digits) = &search.digits {
            assert!(digits.len() >= 3, "{digits}");
            assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{digits}");
        }
        assert_eq!(Search::parse(&search.fragment), Ok(Some(search)));
    }
}
