//! One bad field at a time, for every field of every method in the compiled
//! descriptors: a field that is added is held to the rules as the others are.

use nvito_clients::grpc::proto::{CreateClientRequest, ListClientsRequest};
use prost::Message;
use prost_reflect::{Kind, Value};
use tonic::Code;

use super::is_no_fault_of_ours;
use super::walk::{Field, Rows, text};
use crate::support::{App, client};

const SQL: &str = "'; DROP TABLE clients; --";

#[tokio::test]
async fn what_the_other_tests_begin_with_is_right() {
    let app = App::start().await;
    let rows = Rows::of(&app).await;
    let mut methods: Vec<_> = Field::all().into_iter().map(|field| field.method).collect();
    methods.dedup();
    assert!(methods.len() >= 24);
    for method in methods {
        let request = rows.request(&method, None).encode_to_vec();
        if let Err(failure) = rows.send(&method, request).await {
            assert_eq!(
                failure.code,
                Code::NotFound,
                "{}: {failure:?}",
                method.name()
            );
        }
    }
}

#[tokio::test]
async fn a_control_character_is_refused_in_every_text() {
    let app = App::start().await;
    let rows = Rows::of(&app).await;
    let before = app.contents().await;
    for field in Field::texts() {
        for value in ["a\0b", "\0", "a\u{1b}b", "a\u{7f}b", "a\u{85}b"] {
            // Opaque to everybody, so it only ever differs.
            if field.name() == "etag" {
                let failure = field.refused(&rows, text(value)).await;
                failure.is(Code::Aborted, "ETAG_MISMATCH");
            } else {
                field.violates(&rows, text(value), None).await;
            }
        }
    }
    assert_eq!(app.contents().await, before);
}

#[tokio::test]
async fn a_text_that_is_not_utf_8_is_no_message() {
    const MARK: &[u8] = b"@@@@@";
    let app = App::start().await;
    let rows = Rows::of(&app).await;
    let before = app.contents().await;
    let spoilt: [&[u8; 5]; 4] = [
        b"a\xed\xa0\x80b",       // a lone surrogate
        b"a\xc0\x80aa",          // a NUL written long
        b"aaa\xf0\x9f",          // half an emoji
        b"\xff\xfe\xfd\xfc\xfb", // nothing at all
    ];
    for field in Field::texts() {
        let request = rows.request(&field.method, Some((&field.way, text("@@@@@"))));
        let bytes = request.encode_to_vec();
        let at = bytes.windows(5).position(|part| part == MARK);
        let at = at.expect("the mark");
        for spoilt in spoilt {
            let mut bytes = bytes.clone();
            bytes[at..at + 5].copy_from_slice(spoilt);
            let refused = rows.send(&field.method, bytes).await;
            refused
                .expect_err(field.name())
                .violates(&[("", "MALFORMED_MESSAGE")]);
        }
    }
    assert_eq!(app.contents().await, before);
}

#[tokio::test]
async fn one_character_too_many_is_refused_however_many_bytes_it_has() {
    let app = App::start().await;
    let rows = Rows::of(&app).await;
    let before = app.contents().await;
    let mut seen = 0;
    for field in Field::texts() {
        let most = match field.name() {
            "name" | "first_name" | "last_name" | "email" | "business_name"
            | "acquisition_detail" => 255,
            "billing_address" | "reason" => 500,
            "notes" => 2000,
            "phone" => 20,
            "search" | "query" => 100,
            _ => continue,
        };
        seen += 1;
        for character in ["a", "ñ", "🎉"] {
            let value = character.repeat(most + 1);
            field.violates(&rows, text(value), Some("TOO_LONG")).await;
            // No letter too many: whatever is wrong now, it is not the length.
            if let Err(failure) = field.send(&rows, text(character.repeat(most))).await {
                let reasons = failure.violations.iter().map(|(_, reason)| reason.as_str());
                assert!(
                    !reasons.collect::<Vec<_>>().contains(&"TOO_LONG"),
                    "{failure:?}"
                );
                is_no_fault_of_ours(&failure);
            }
        }
    }
    assert!(seen >= 23, "{seen}");
    let clients = |contents: &[(String, Vec<String>)]| {
        contents
            .iter()
            .find(|(table, _)| table == "clients")
            .cloned()
    };
    assert_eq!(clients(&app.contents().await), clients(&before));
}

#[tokio::test]
async fn an_id_has_one_spelling() {
    let app = App::start().await;
    let rows = Rows::of(&app).await;
    let before = app.contents().await;
    let id = "0192f0c1-2345-7abc-8def-0123456789ab";
    let spellings = [
        format!("{{{id}}}"),
        format!("urn:uuid:{id}"),
        id.replace('-', ""),
        id.replace('0', "０"),
        id.replace('a', "g"),
        id[1..].to_owned(),
        format!("{id}0"),
        SQL.to_owned(),
        "1".to_owned(),
    ];
    for field in Field::texts().filter(Field::is_id) {
        for spelling in &spellings {
            field
                .violates(&rows, text(spelling), Some("INVALID_UUID"))
                .await;
        }
    }
    assert_eq!(app.contents().await, before);
}

#[tokio::test]
async fn a_number_that_an_enum_does_not_have_is_refused() {
    let app = App::start().await;
    let rows = Rows::of(&app).await;
    let before = app.contents().await;
    let mut seen = 0;
    for field in Field::all() {
        if matches!(field.last().kind(), Kind::Enum(_)) {
            seen += 1;
            for number in [99, -1, i32::MIN, i32::MAX] {
                let value = Value::EnumNumber(number);
                field.violates(&rows, value, Some("INVALID_ENUM")).await;
            }
        }
    }
    assert!(seen >= 8, "{seen}");
    assert_eq!(app.contents().await, before);
}

#[tokio::test]
async fn numbers_stay_within_their_range() {
    let app = App::start().await;
    let rows = Rows::of(&app).await;
    for field in Field::all() {
        match field.name() {
            "page" => {
                for number in [10_001, 2_000_000_000, i32::MAX] {
                    let failure = field.refused(&rows, Value::I32(number)).await;
                    failure.is(Code::InvalidArgument, "PAGE_TOO_DEEP");
                    assert_eq!(
                        failure.violations,
                        [("page".into(), "PAGE_TOO_DEEP".into())]
                    );
                }
            }
            "limit" => {
                for number in [101, i32::MAX] {
                    let sent = field.send(&rows, Value::I32(number)).await;
                    sent.expect("cut to what is allowed");
                }
            }
            "seconds" | "nanos" => {
                let (least, most) = match field.last().kind() {
                    Kind::Int64 => (Value::I64(i64::MIN), Value::I64(i64::MAX)),
                    _ => (Value::I32(i32::MIN), Value::I32(i32::MAX)),
                };
                for value in [least, most] {
                    let failure = field.refused(&rows, value).await;
                    failure.violates(&[(field.way[0].name(), "INVALID_TIMESTAMP")]);
                }
                continue;
            }
            _ => continue,
        }
        for number in [-1, i32::MIN] {
            field
                .violates(&rows, Value::I32(number), Some("OUT_OF_RANGE"))
                .await;
        }
    }
}

#[tokio::test]
async fn sql_is_a_text_like_any_other() {
    let app = App::start().await;
    let rows = Rows::of(&app).await;
    let clients = app.count("SELECT count(*) FROM clients").await;
    for field in Field::texts() {
        for sql in [
            SQL,
            "\\'; DROP TABLE clients; --",
            "$$; DROP TABLE clients; $$",
            "%_\\",
        ] {
            if let Err(failure) = field.send(&rows, text(sql)).await {
                is_no_fault_of_ours(&failure);
            }
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM clients").await, clients);
}

#[tokio::test]
async fn a_text_comes_back_as_it_was_given() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let actor = own.platform_admin();
    for value in [
        SQL,
        "\\'$1%_{}",
        "🎉 👩‍👩‍👧‍👦 ñ e\u{301}",
        "\u{202e}anA\u{feff}",
        "NULL",
    ] {
        let some = || Some(value.to_owned());
        let new = CreateClientRequest {
            business_name: some(),
            billing_address: some(),
            acquisition_detail: some(),
            notes: Some(format!("{value}\n\t{value}")),
            ..client(value)
        };
        let made = actor.create(new.clone()).await.expect("created");
        let found = actor.get(&made.id).await.expect("found");
        assert_eq!(found.name, new.name);
        let given = [
            new.business_name,
            new.billing_address,
            new.acquisition_detail,
            new.notes,
        ];
        let kept = [
            found.business_name,
            found.billing_address,
            found.acquisition_detail,
            found.notes,
        ];
        assert_eq!(kept, given);
        let search = ListClientsRequest {
            search: value.to_owned(),
            ..ListClientsRequest::default()
        };
        let listed = actor.list(search).await.expect("listed").clients;
        assert!(listed.iter().any(|client| client.id == made.id), "{value}");
    }
}
