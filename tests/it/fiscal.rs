//! `ValidateFiscalData`: what `CreateClient` would say of an RFC.

use nvito_clients::grpc::proto::{
    ClientType, CreateClientRequest, RfcAssessment, RfcKind, ValidateFiscalDataRequest,
    ValidateFiscalDataResponse,
};

use crate::support::{Actor, App, Failure, client};

/// The cases that the domain's own test reads: input, type, verdict, normalised
/// form and detail.
const VECTORS: &str = include_str!("../data/rfc-vectors.csv");

const BOTH: [ClientType; 2] = [ClientType::Individual, ClientType::Company];

async fn validate(
    actor: &Actor,
    rfc: &str,
    client_type: ClientType,
) -> Result<ValidateFiscalDataResponse, Failure> {
    let request = ValidateFiscalDataRequest {
        rfc: rfc.to_owned(),
        r#type: client_type.into(),
    };
    let answer = actor.clients().validate_fiscal_data(request).await?;
    Ok(answer.into_inner())
}

fn reasons(answer: &ValidateFiscalDataResponse) -> Vec<&str> {
    let violations = answer.violations.iter();
    violations.map(|v| v.reason.as_str()).collect()
}

fn codes(answer: &ValidateFiscalDataResponse) -> Vec<&str> {
    let advisories = answer.assessment.iter().flat_map(|a| &a.advisories);
    advisories.map(|a| a.code.as_str()).collect()
}

fn kind(answer: &ValidateFiscalDataResponse) -> Option<RfcKind> {
    answer.assessment.as_ref().map(RfcAssessment::kind)
}

/// Asserts that `CreateClient` says the same of an RFC and keeps what was
/// announced.
async fn assert_agreed(actor: &Actor, rfc: &str, client_type: ClientType) {
    let answer = validate(actor, rfc, client_type).await.expect("an answer");
    let new = CreateClientRequest {
        rfc: Some(rfc.to_owned()),
        r#type: client_type.into(),
        validate_only: true,
        ..client("Ana")
    };
    match actor.create(new).await {
        Ok(made) => {
            assert!(answer.valid, "{rfc:?} is accepted: {answer:?}");
            assert_eq!(made.rfc.as_ref(), Some(&answer.normalized), "{rfc:?}");
            assert_eq!(made.rfc_assessment, answer.assessment, "{rfc:?}");
            assert_eq!(answer.violations, [], "{rfc:?}");
        }
        Err(refused) => {
            assert!(!answer.valid, "{rfc:?} is refused: {refused:?}");
            let reasons: Vec<_> = reasons(&answer).iter().map(|r| ("rfc", *r)).collect();
            refused.violates(&reasons);
        }
    }
}

#[tokio::test]
async fn it_says_what_a_creation_would_say() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let before = app.contents().await;
    let vectors = VECTORS.lines().skip(1);
    let vectors = vectors.filter_map(|line| line.split(',').next());
    // White space of any kind is dropped; what only looks alike is not.
    let more = [
        "cacx-760510-1p8",
        " e.k.u / 900317 _ 3c9 ",
        "EKU\t900317\r\n3C9",
        "EKU\u{a0}900317\u{2009}3C9",
        "EKU\u{200b}9003173C9",
        "EKU٩٠٠٣١٧3C9",
        "ＥＫＵ９００３１７３Ｃ９",
        "ſKU9003173C9",
        "n\u{303}OÑ120726RX3",
        "EKU9003173C",
        "EKU9003173C99999",
        "🎉",
    ];
    let mut seen = 0;
    for rfc in vectors.chain(more) {
        let mut valid = false;
        for client_type in BOTH {
            assert_agreed(&admin, rfc, client_type).await;
            let answer = validate(&admin, rfc, client_type).await;
            valid |= answer.expect("an answer").valid;
        }
        // Of no type in particular only the form is asked: it serves one of both.
        let form = validate(&admin, rfc, ClientType::Unspecified).await;
        assert_eq!(form.expect("an answer").valid, valid, "{rfc:?}");
        seen += 1;
    }
    assert_eq!(seen, 40 + more.len());
    assert_eq!(app.contents().await, before, "nothing is written");
}

#[tokio::test]
async fn it_tells_form_type_and_oddities() {
    use ClientType::{Company, Individual, Unspecified};
    use RfcKind::{GenericForeign, GenericNational, Normal};
    const NONE: &[&str] = &[];
    const FORM: &[&str] = &["RFC_INVALID_FORMAT"];
    const MISMATCH: &[&str] = &["RFC_TYPE_MISMATCH"];

    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let (person, company) = ("CACX7605101P8", "EKU9003173C9");
    let (public, abroad) = ("XAXX010101000", "XEXX010101000");
    for (given, of, normalized, violations, told, advisories) in [
        (person, Individual, person, NONE, Some(Normal), NONE),
        (company, Company, company, NONE, Some(Normal), NONE),
        (
            " eku-900317 3c9",
            Company,
            company,
            NONE,
            Some(Normal),
            NONE,
        ),
        (person, Company, person, MISMATCH, Some(Normal), NONE),
        (company, Individual, company, MISMATCH, Some(Normal), NONE),
        (company, Unspecified, company, NONE, Some(Normal), NONE),
        (person, Unspecified, person, NONE, Some(Normal), NONE),
        (
            public,
            Individual,
            public,
            NONE,
            Some(GenericNational),
            NONE,
        ),
        (public, Company, public, NONE, Some(GenericNational), NONE),
        (abroad, Individual, abroad, NONE, Some(GenericForeign), NONE),
        (abroad, Company, abroad, NONE, Some(GenericForeign), NONE),
        ("xx xx", Unspecified, "XXXX", FORM, None, NONE),
        (
            "cac-a580710nf7",
            Individual,
            "CACA580710NF7",
            NONE,
            Some(Normal),
            &["RFC_INCONVENIENT_WORD"],
        ),
        (
            "ABC123456T1A",
            Individual,
            "ABC123456T1A",
            MISMATCH,
            Some(Normal),
            &["RFC_DATE_IMPOSSIBLE", "RFC_CHECK_DIGIT"],
        ),
    ] {
        let answer = validate(&admin, given, of).await.expect("an answer");
        assert_eq!(answer.normalized, normalized, "{given} {of:?}");
        assert_eq!(reasons(&answer), violations, "{given} {of:?}");
        assert_eq!(answer.valid, violations.is_empty(), "{given} {of:?}");
        assert_eq!(kind(&answer), told, "{given} {of:?}");
        assert_eq!(codes(&answer), advisories, "{given} {of:?}");
    }
}

#[tokio::test]
async fn it_speaks_the_language_of_the_call() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let english = admin.clone().saying("accept-language", "en");
    for (actor, mismatch, date) in [
        (
            &admin,
            "El RFC de este tipo de cliente tiene 13 caracteres (persona física 13, persona moral 12).",
            "Sus seis dígitos no forman una fecha (AAMMDD).",
        ),
        (
            &english,
            "The RFC of this type of client has 13 characters (INDIVIDUAL 13, COMPANY 12).",
            "Its six digits are no date (YYMMDD).",
        ),
    ] {
        let answer = validate(actor, "ABC123456T1A", ClientType::Individual).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.violations[0].message, mismatch);
        let assessment = answer.assessment.expect("an assessment");
        assert_eq!(assessment.advisories[0].message, date);
    }
}

#[tokio::test]
async fn nothing_too_much_and_control_characters_are_refused() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let refused = async |rfc: &str| {
        let answer = validate(&admin, rfc, ClientType::Company).await;
        answer.expect_err("refused")
    };
    // Signs alone are no RFC to a creation either: it keeps none.
    for nothing in ["", "  ", "- . / _", "\t\u{a0}"] {
        refused(nothing).await.violates(&[("rfc", "REQUIRED")]);
    }
    for control in ["EKU9003173C9\0", "EKU\u{1b}9003173C9"] {
        refused(control)
            .await
            .violates(&[("rfc", "INVALID_CHARACTER")]);
    }
    for long in ["A".repeat(101), "Ñ".repeat(101)] {
        refused(&long).await.violates(&[("rfc", "TOO_LONG")]);
    }
    let most = validate(&admin, &"Ñ".repeat(100), ClientType::Company).await;
    assert_eq!(reasons(&most.expect("an answer")), ["RFC_INVALID_FORMAT"]);
    let request = ValidateFiscalDataRequest {
        rfc: String::new(),
        r#type: 99,
    };
    let answer = admin.clients().validate_fiscal_data(request).await;
    let both: Failure = answer.expect_err("refused").into();
    both.violates(&[("rfc", "REQUIRED"), ("type", "INVALID_ENUM")]);
}
