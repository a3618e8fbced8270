//! What becomes of a text on its way in: trimmed, bounded, understood.

use nvito_clients::grpc::proto::{Client, ClientType, CreateClientRequest, RfcKind};

use super::with_email;
use crate::support::{App, client};

/// A text field: its path, most characters, how to give it and how to read it.
type Text = (
    &'static str,
    usize,
    fn(&mut CreateClientRequest, String),
    fn(&Client) -> Option<&str>,
);

const TEXTS: [Text; 6] = [
    ("name", 255, |c, v| c.name = v, |c| Some(&c.name)),
    (
        "phone",
        20,
        |c, v| c.phone = Some(v),
        |c| c.phone.as_deref(),
    ),
    (
        "business_name",
        255,
        |c, v| c.business_name = Some(v),
        |c| c.business_name.as_deref(),
    ),
    (
        "billing_address",
        500,
        |c, v| c.billing_address = Some(v),
        |c| c.billing_address.as_deref(),
    ),
    (
        "acquisition_detail",
        255,
        |c, v| c.acquisition_detail = Some(v),
        |c| c.acquisition_detail.as_deref(),
    ),
    (
        "notes",
        2000,
        |c, v| c.notes = Some(v),
        |c| c.notes.as_deref(),
    ),
];

#[tokio::test]
async fn texts_are_trimmed_and_empty_ones_are_absent() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    let member = org.member("Ana").await;
    let filled = |text: &dyn Fn(&str) -> String, name: &str| {
        let mut new = client(name);
        for (_, _, set, _) in &TEXTS[1..] {
            set(&mut new, text("x"));
        }
        new.email = Some(text("a@b.mx"));
        new.rfc = Some(text("EKU9003173C9"));
        new.assigned_to_id = Some(text(&member));
        new.r#type = ClientType::Company.into();
        new
    };
    let padded = admin
        .create(filled(&|text| format!(" \t{text}\u{a0} "), "  Ana  "))
        .await
        .expect("created");
    for (path, _, _, get) in &TEXTS[1..] {
        assert_eq!(get(&padded), Some("x"), "{path}");
    }
    assert_eq!(padded.name, "Ana");
    assert_eq!(padded.email.as_deref(), Some("a@b.mx"));
    assert_eq!(padded.rfc.as_deref(), Some("EKU9003173C9"));
    assert_eq!(padded.assigned_to.expect("assigned").id, member);
    for blank in ["", " \t "] {
        let empty = admin
            .create(filled(&|_| blank.to_owned(), "Ana"))
            .await
            .expect("created");
        let expected = Client {
            r#type: ClientType::Company.into(),
            id: empty.id.clone(),
            created_at: empty.created_at,
            updated_at: empty.updated_at,
            etag: empty.etag.clone(),
            ..admin.create(client("Ana")).await.expect("created")
        };
        assert_eq!(empty, expected);
    }
}

#[tokio::test]
async fn bounds_are_counted_in_characters() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    for (path, most, set, get) in &TEXTS {
        for character in ["a", "ñ", "🎉"] {
            let mut new = client("Ana");
            set(&mut new, character.repeat(*most));
            let made = admin.create(new.clone()).await.expect("created");
            assert_eq!(get(&made), Some(character.repeat(*most).as_str()), "{path}");
            set(&mut new, character.repeat(most + 1));
            let refused = admin.create(new).await.expect_err("too long");
            refused.violates(&[(path, "TOO_LONG")]);
        }
    }
    let address = |length: usize| format!("{}@example.com", "a".repeat(length - 12));
    let made = admin.create(with_email("Ana", &address(255))).await;
    assert_eq!(made.expect("created").email, Some(address(255)));
    let refused = admin.create(with_email("Ana", &address(256))).await;
    refused
        .expect_err("too long")
        .violates(&[("email", "TOO_LONG")]);
}

#[tokio::test]
async fn a_phone_is_kept_as_typed_and_understood_where_possible() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    for (typed, e164) in [
        ("(55) 1234-5678", Some("+525512345678")),
        ("+52 1 55 1234 5678", Some("+525512345678")),
        ("+1 415 555 2671", Some("+14155552671")),
        ("pregunta por Ñoño 🎉", None),
    ] {
        let new = CreateClientRequest {
            phone: Some(typed.to_owned()),
            ..client("Ana")
        };
        let made = admin.create(new).await.expect("created");
        assert_eq!(made.phone.as_deref(), Some(typed));
        assert_eq!(made.phone_e164.as_deref(), e164, "{typed}");
    }
}

#[tokio::test]
async fn an_rfc_is_normalised_and_assessed() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let (normal, company, person) = (RfcKind::Normal, ClientType::Company, ClientType::Individual);
    let cases = [
        (" eku-900317/3c9 ", company, "EKU9003173C9", normal, None),
        ("mun\u{303}110218lj6", company, "MUÑ110218LJ6", normal, None),
        ("cacx7605101p8", person, "CACX7605101P8", normal, None),
        (
            "LME060822IH5",
            company,
            "LME060822IH5",
            normal,
            Some("RFC_CHECK_DIGIT"),
        ),
        (
            "xaxx 010101 000",
            company,
            "XAXX010101000",
            RfcKind::GenericNational,
            None,
        ),
        (
            "XEXX010101000",
            person,
            "XEXX010101000",
            RfcKind::GenericForeign,
            None,
        ),
    ];
    for (typed, r#type, rfc, kind, advisory) in cases {
        let new = CreateClientRequest {
            rfc: Some(typed.to_owned()),
            r#type: r#type.into(),
            ..client("Ana")
        };
        let made = admin.create(new).await.expect("created");
        let assessment = made.rfc_assessment.expect("assessed");
        let codes: Vec<_> = assessment.advisories.iter().map(|a| &a.code).collect();
        assert_eq!(made.rfc.as_deref(), Some(rfc));
        assert_eq!(assessment.kind(), kind, "{rfc}");
        assert_eq!(codes, advisory.as_slice(), "{rfc}");
    }
}

#[tokio::test]
async fn advisories_speak_the_language_of_the_call() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let new = CreateClientRequest {
        rfc: Some("LME060822IH5".to_owned()),
        r#type: ClientType::Company.into(),
        ..client("Ana")
    };
    let id = admin.create(new).await.expect("created").id;
    for (language, word) in [("es-MX", "dígito verificador"), ("en", "check digit")] {
        let reader = admin.clone().saying("accept-language", language);
        let found = reader.get(&id).await.expect("found");
        let advisories = found.rfc_assessment.expect("assessed").advisories;
        assert!(advisories[0].message.contains(word), "{advisories:?}");
    }
}

#[tokio::test]
async fn an_rfc_of_the_other_type_is_refused() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    for (rfc, fits, other) in [
        ("EKU9003173C9", ClientType::Company, ClientType::Unspecified),
        ("EKU9003173C9", ClientType::Company, ClientType::Individual),
        ("CACX7605101P8", ClientType::Individual, ClientType::Company),
    ] {
        let new = |r#type: ClientType| CreateClientRequest {
            rfc: Some(rfc.to_owned()),
            r#type: r#type.into(),
            ..client("Ana")
        };
        let refused = admin.create(new(other)).await.expect_err("refused");
        refused.violates(&[("rfc", "RFC_TYPE_MISMATCH")]);
        admin.create(new(fits)).await.expect("created");
    }
}
