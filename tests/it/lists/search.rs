//! `search`: what a person means by a fragment of a name, an e-mail or a
//! telephone number.

use nvito_clients::grpc::proto::{CreateClientRequest, ListClientsRequest};

use super::{all, sorted_names, within};
use crate::support::{App, Org, client};

/// Name, e-mail and phone of each client.
const CLIENTS: [(&str, &str, &str); 12] = [
    ("José Ángel Núñez", "jose.n@fiestas.mx", "55 1234-5678"),
    ("Sofia Pena", "Sofia_P@Empresa.mx", "+52 1 81 8345 6789"),
    ("Ñandú", "", "(33) 3615-2244"),
    ("Anna Ortiz", "", "ext. 4411"),
    ("100% Bodas", "", ""),
    ("1000 Bodas", "", ""),
    ("a_b Salón", "", ""),
    ("aXb Salon", "", ""),
    ("c\\d Eventos", "", ""),
    ("cd Eventos", "", ""),
    ("Ｗ Hotel ™", "", ""),
    ("Größe Œuvre", "", "+1 415 555 2671"),
];

/// What is searched for and the first words of who is found.
const SEARCHES: [(&str, &[&str]); 59] = [
    ("José Ángel Núñez", &["José"]),
    ("josé", &["José"]),
    ("JOSÉ", &["José"]),
    ("jose", &["José"]),
    ("JOSE ANGEL", &["José"]),
    ("jose\u{301} a\u{301}ngel", &["José"]),
    ("nunez", &["José"]),
    ("NÚÑEZ", &["José"]),
    ("nun\u{303}ez", &["José"]),
    ("gel nú", &["José"]),
    ("  sé á  ", &["José"]),
    ("sofía peña", &["Sofia"]),
    ("nandu", &["Ñandú"]),
    ("ñandu", &["Ñandú"]),
    ("ÑANDÚ", &["Ñandú"]),
    (
        "ñ",
        &["Anna", "José", "Sofia", "Ñandú", "aXb", "a_b", "c\\d", "cd"],
    ),
    ("ñn", &["Anna"]),
    ("grosse oeuvre", &["Größe"]),
    ("GRÖSSE", &["Größe"]),
    ("w hotel tm", &["Ｗ"]),
    ("jose.n@fiestas.mx", &["José"]),
    ("@FIESTAS", &["José"]),
    ("empresa.mx", &["Sofia"]),
    (".mx", &["José", "Sofia"]),
    ("55 1234-5678", &["José"]),
    ("1234-56", &["José"]),
    ("5512345678", &["José"]),
    ("12345678", &["José"]),
    ("1234 5678", &["José"]),
    ("(55) 12", &["José"]),
    ("55.1234.5678", &["José"]),
    ("+52 55 1234 5678", &["José"]),
    ("+52 1 55 1234 5678", &["José"]),
    ("+525512345678", &["José"]),
    ("+52 1 81 8345 6789", &["Sofia"]),
    ("+52 81 8345 6789", &["Sofia"]),
    ("81-8345-6789", &["Sofia"]),
    ("8183456789", &["Sofia"]),
    ("+52 33 3615 2244", &["Ñandú"]),
    ("3615", &["Ñandú"]),
    ("ext. 4411", &["Anna"]),
    ("4411", &["Anna"]),
    ("(415) 555-2671", &["Größe"]),
    ("100%", &["100%"]),
    ("%", &["100%"]),
    ("％", &["100%"]),
    ("100", &["100%", "1000"]),
    ("a_b", &["a_b"]),
    ("_", &["Sofia", "a_b"]),
    ("a%b", &[]),
    ("c\\d", &["c\\d"]),
    ("\\", &["c\\d"]),
    ("cd", &["cd"]),
    ("x", &["Anna", "José", "Sofia", "aXb"]),
    ("xb", &["aXb"]),
    ("núñez jose.n", &[]),
    ("núñezjose", &[]),
    ("fiestas.mx55", &[]),
    ("nobody", &[]),
];

fn search(text: &str, organization_id: &str) -> ListClientsRequest {
    ListClientsRequest {
        search: text.to_owned(),
        ..within(organization_id)
    }
}

async fn fill(org: &Org<'_>) {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    for (name, email, phone) in CLIENTS {
        let new = CreateClientRequest {
            email: some(email),
            phone: some(phone),
            rfc: some("XAXX010101000"),
            business_name: some("Buscada"),
            notes: some("buscada"),
            ..client(name)
        };
        org.platform_admin().create(new).await.expect("created");
    }
}

#[tokio::test]
async fn a_fragment_finds_what_a_person_means() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let (admin, root) = (org.platform_admin(), app.super_admin());
    fill(&org).await;
    fill(&other).await;
    let mut wrong = Vec::new();
    for (text, expected) in SEARCHES {
        let own = sorted_names(&admin, search(text, "")).await;
        let words = |names: &[String]| -> Vec<String> {
            let word = |name: &String| name.split(' ').next().map(str::to_owned);
            names.iter().filter_map(word).collect()
        };
        let mut expected: Vec<_> = expected.iter().map(|&word| word.to_owned()).collect();
        expected.sort();
        if words(&own) != expected {
            wrong.push((text, own.clone()));
        }
        assert_eq!(
            sorted_names(&root, search(text, &org.id)).await,
            own,
            "{text}"
        );
        let mut union = [own.clone(), own].concat();
        union.sort();
        assert_eq!(sorted_names(&root, search(text, "")).await, union, "{text}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_blank_search_finds_everybody_and_other_fields_nobody() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    fill(&org).await;
    for blank in ["", " ", " \t\u{a0}"] {
        assert_eq!(
            sorted_names(&admin, search(blank, "")).await.len(),
            CLIENTS.len()
        );
    }
    for text in ["buscada", "XAXX010101000"] {
        assert!(
            sorted_names(&admin, search(text, "")).await.is_empty(),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_search_has_a_hundred_characters_and_no_control() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let long = "ñ".repeat(100);
    admin.create(client(&long)).await.expect("created");
    for actor in [&admin, &app.super_admin()] {
        let found = sorted_names(actor, search(&format!(" {long} "), "")).await;
        assert_eq!(found.len(), 1);
        for (text, reason) in [
            (format!("{long}ñ"), "TOO_LONG"),
            ("🎉".repeat(101), "TOO_LONG"),
            ("a\nb".to_owned(), "INVALID_CHARACTER"),
            ("a\0b".to_owned(), "INVALID_CHARACTER"),
        ] {
            let refused = actor.list(search(&text, "")).await.expect_err("refused");
            refused.violates(&[("search", reason)]);
        }
    }
}

#[tokio::test]
async fn a_search_holds_with_the_filters() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    for (name, status) in [("Ana Norte", 1), ("Ana Sur", 2), ("Eva", 1)] {
        let new = CreateClientRequest {
            status,
            ..client(name)
        };
        admin.create(new).await.expect("created");
    }
    let request = |status| ListClientsRequest {
        search: "ana".to_owned(),
        status,
        ..all()
    };
    assert_eq!(
        sorted_names(&admin, request(0)).await,
        ["Ana Norte", "Ana Sur"]
    );
    assert_eq!(sorted_names(&admin, request(1)).await, ["Ana Norte"]);
    assert!(sorted_names(&admin, request(3)).await.is_empty());
}
