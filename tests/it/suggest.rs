//! `SuggestClients`: who is meant by what is typed so far.

mod figures;
mod sight;

use nvito_clients::grpc::proto::{ClientStatus, CreateClientRequest, SuggestClientsRequest};

use crate::support::{Actor, App, Failure, Org, client};

fn typed(query: &str) -> SuggestClientsRequest {
    SuggestClientsRequest {
        query: query.to_owned(),
        ..SuggestClientsRequest::default()
    }
}

async fn ids(actor: &Actor, request: SuggestClientsRequest) -> Result<Vec<String>, Failure> {
    let answer = actor.clients().suggest_clients(request).await?.into_inner();
    let ids = answer.suggestions.into_iter().map(|found| found.client_id);
    Ok(ids.collect())
}

/// The names that are suggested, in order.
async fn names(actor: &Actor, query: &str) -> Vec<String> {
    let answer = actor.clients().suggest_clients(typed(query)).await;
    let found = answer.expect(query).into_inner().suggestions;
    found.into_iter().map(|found| found.name).collect()
}

/// Makes a client of each name, e-mail and phone.
async fn fill(org: &Org<'_>, clients: &[(&str, &str, &str)]) {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    for (name, email, phone) in clients {
        let new = CreateClientRequest {
            email: some(email),
            phone: some(phone),
            ..client(name)
        };
        org.platform_admin().create(new).await.expect("created");
    }
}

/// Asks each question and compares all answers at once.
async fn answers(actor: &Actor, questions: &[(&str, &[&str])]) {
    let mut wrong = Vec::new();
    for (query, expected) in questions {
        let found = names(actor, query).await;
        if found != *expected {
            wrong.push((query, found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn the_best_come_first() {
    const CLIENTS: &[(&str, &str, &str)] = &[
        ("Tomás Amaro", "", ""),
        ("Óscar Marín", "mar@fiestas.mx", ""),
        ("Eva Paz", "mar.azul@fiestas.mx", ""),
        ("Hotel del Mar", "", ""),
        ("Boda López–Martínez", "", ""),
        ("Marta Solís", "mar.ta@fiestas.mx", "55 1234-5678"),
        ("Mar Mar", "", ""),
        ("(Máriam) Luna", "", ""),
        ("Nadie Más", "", ""),
    ];
    let mar: &[&str] = &[
        // Their name begins with it,
        "Mar Mar",
        "Marta Solís",
        // a word of it does,
        "(Máriam) Luna",
        "Boda López–Martínez",
        "Hotel del Mar",
        "Óscar Marín",
        // they hold it anywhere.
        "Eva Paz",
        "Tomás Amaro",
    ];
    let app = App::start().await;
    let org = app.org("Norte").await;
    fill(&org, CLIENTS).await;
    answers(
        &org.platform_admin(),
        &[
            ("mar", mar),
            ("MÁR", mar),
            ("  Ma\u{301}r ", mar),
            ("mar m", &["Mar Mar"]),
            // Two letters are looked for where a word begins: no "Amaro", no e-mail.
            ("ma", &[&mar[..5], &["Nadie Más", "Óscar Marín"]].concat()),
            ("az", &[]),
            ("o", &["Óscar Marín"]),
            ("del mar", &["Hotel del Mar"]),
            ("lopez-mart", &["Boda López–Martínez"]),
            ("azul@", &["Eva Paz"]),
            // Whoever is found needs no guess; else by likeness, then by name.
            ("mart", &["Marta Solís", "Boda López–Martínez"]),
            ("martha", &["Boda López–Martínez", "Marta Solís"]),
            ("solis marta", &["Marta Solís"]),
            ("zzzz", &[]),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_slip_of_the_pen_is_forgiven() {
    const SURNAMES: [&str; 12] = [
        "López",
        "González",
        "Hernández",
        "Rodríguez",
        "Vázquez",
        "Jiménez",
        "Martínez",
        "Sánchez",
        "Núñez",
        "Muñoz",
        "Ruiz",
        "Zúñiga",
    ];
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    for surname in SURNAMES {
        admin
            .create(client(&format!("Iris {surname} Paz")))
            .await
            .expect("created");
    }
    let mut wrong = Vec::new();
    for (query, surname) in [
        ("lopes", "López"),
        ("Lópes", "López"),
        ("lopze", "López"),
        ("gonzales", "González"),
        ("gonsalez", "González"),
        ("hernandes", "Hernández"),
        ("hernades", "Hernández"),
        ("ernandez", "Hernández"),
        ("rodrigez", "Rodríguez"),
        ("vasquez", "Vázquez"),
        ("gimenez", "Jiménez"),
        ("martines", "Martínez"),
        ("sanches", "Sánchez"),
        ("nunes", "Núñez"),
        ("munos", "Muñoz"),
        ("zuniaga", "Zúñiga"),
        ("iris lopes", "López"),
    ] {
        let found = names(&admin, query).await;
        if found.first() != Some(&format!("Iris {surname} Paz")) {
            wrong.push((query, found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Each word on its own: the ones that are like it need not be neighbours.
    let far = admin.create(client("María José López")).await;
    assert_eq!(
        names(&admin, "maria lopes").await,
        [far.expect("created").name]
    );
    // Three letters are no word yet to be mistaken in.
    assert_eq!(names(&admin, "rus").await, [""; 0]);
}

#[tokio::test]
async fn a_telephone_is_found_however_it_is_written() {
    const CLIENTS: &[(&str, &str, &str)] = &[
        ("Ana", "", "55 1234 5678"),
        ("Eva", "", "+52 1 81 8345 6789"),
        ("Ivo", "", "(33) 3615-2244"),
        ("Salón 55", "", ""),
    ];
    let app = App::start().await;
    let org = app.org("Norte").await;
    fill(&org, CLIENTS).await;
    answers(
        &org.platform_admin(),
        &[
            ("+52 1 55 1234", &["Ana"]),
            ("5512345678", &["Ana"]),
            ("(55) 1234", &["Ana"]),
            ("55 12", &["Ana"]),
            ("55-1234-56", &["Ana"]),
            ("+52 55 1234 5678", &["Ana"]),
            ("234567", &["Ana"]),
            ("+52 1 55", &["Ana"]),
            ("8183456789", &["Eva"]),
            ("81 83", &["Eva"]),
            ("+52 818", &["Eva"]),
            ("3336", &["Ivo"]),
            // Too short for a telephone.
            ("55", &["Salón 55"]),
        ],
    )
    .await;
}

#[tokio::test]
async fn every_character_is_a_plain_one() {
    const CLIENTS: &[(&str, &str, &str)] = &[
        ("100% Bodas", "", ""),
        ("1000 Bodas", "", ""),
        ("a_b Salón", "", ""),
        ("aXb Salon", "", ""),
        ("c\\d Eventos", "", ""),
        ("cd Eventos", "uno@dos.mx", ""),
        ("Hotel f.g", "", ""),
        ("Hotel fxg", "", ""),
        ("Hotel (h+i)", "", ""),
        ("Fiesta 🎉 Sol", "", ""),
        ("🎉 Fiesta Luna", "", ""),
        ("Hotel 王伟", "", ""),
    ];
    let app = App::start().await;
    let org = app.org("Norte").await;
    fill(&org, CLIENTS).await;
    let admin = org.platform_admin();
    answers(
        &admin,
        &[
            ("100%", &["100% Bodas"]),
            ("100% b", &["100% Bodas"]),
            ("%", &["100% Bodas"]),
            ("％", &["100% Bodas"]),
            ("a_b", &["a_b Salón"]),
            ("a_b sal", &["a_b Salón"]),
            ("_", &["a_b Salón"]),
            ("c\\", &["c\\d Eventos"]),
            ("\\", &["c\\d Eventos"]),
            ("_d", &[]),
            ("%%%", &[]),
            ("1%0", &[]),
            ("f.", &["Hotel f.g"]),
            ("f.g", &["Hotel f.g"]),
            ("(h+", &["Hotel (h+i)"]),
            ("h+i)", &["Hotel (h+i)"]),
            ("h*", &[]),
            ("fiesta 🎉", &["Fiesta 🎉 Sol"]),
            ("🎉", &["🎉 Fiesta Luna", "Fiesta 🎉 Sol"]),
            ("🎉 f", &["🎉 Fiesta Luna"]),
            ("👰", &[]),
            ("王", &["Hotel 王伟"]),
            ("伟", &["Hotel 王伟"]),
            // No name has one, though every address does.
            ("@", &[]),
        ],
    )
    .await;
    for nothing in [
        "\u{301}",
        "\u{301}\u{308}",
        "´",
        "\u{200d}",
        "...",
        "-",
        "^",
        "[",
        "((",
        "**",
        "$",
        "'",
        "\"",
        "{1}",
        "\\1",
    ] {
        assert_eq!(names(&admin, nothing).await, [""; 0], "{nothing:?}");
    }
}

#[tokio::test]
async fn the_longest_names_are_found() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    // Four bytes each, in other scripts too; one that folds to eighteen characters.
    for character in ["🎉", "𠮷", "𐐷", "é", "\u{fdfa}"] {
        let name = character.repeat(255);
        admin.create(client(&name)).await.expect("created");
        for length in [1, 10, 100] {
            let query = character.repeat(length);
            let found = names(&admin, &query).await;
            assert_eq!(found, std::slice::from_ref(&name), "{query}");
        }
    }
}

#[tokio::test]
async fn equal_names_keep_their_order_and_nobody_comes_twice() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    let mut made = Vec::new();
    for number in (0..25).rev() {
        let new = CreateClientRequest {
            email: Some(format!("ana.ana{number}@fiestas.mx")),
            ..client("Ana Anaya")
        };
        made.push(admin.create(new).await.expect("created").id);
    }
    made.sort();
    let asked = |query: &str, limit| SuggestClientsRequest {
        limit,
        ..typed(query)
    };
    for query in ["ana", "anay", "naya", "ana.ana", "anaia"] {
        for (limit, most) in [(0, 10), (1, 1), (20, 20), (21, 20), (i32::MAX, 20)] {
            let found = ids(&admin, asked(query, limit)).await.expect("found");
            assert_eq!(found, made[..most], "{query} {limit}");
        }
    }
}

#[tokio::test]
async fn a_suggestion_says_enough_to_choose() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let new = CreateClientRequest {
        email: Some("ana@fiestas.mx".to_owned()),
        phone: Some("55 1234-5678".to_owned()),
        status: ClientStatus::Active.into(),
        ..client("Ana Ruiz")
    };
    let admin = org.platform_admin();
    let made = admin.create(new).await.expect("created");
    let answer = admin.clients().suggest_clients(typed("ana")).await;
    let found = answer.expect("found").into_inner().suggestions;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].client_id, made.id);
    assert_eq!(found[0].name, "Ana Ruiz");
    assert_eq!(found[0].email(), "ana@fiestas.mx");
    assert_eq!(found[0].phone(), "55 1234-5678");
    assert_eq!(found[0].status(), ClientStatus::Active);
}

#[tokio::test]
async fn a_question_has_one_to_a_hundred_characters() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    for (query, limit, violations) in [
        (String::new(), 0, &[("query", "REQUIRED")][..]),
        (" \t\u{a0}".to_owned(), 0, &[("query", "REQUIRED")]),
        ("ñ".repeat(101), 0, &[("query", "TOO_LONG")]),
        ("a\nb".to_owned(), 0, &[("query", "INVALID_CHARACTER")]),
        ("ana".to_owned(), -1, &[("limit", "OUT_OF_RANGE")]),
        (
            String::new(),
            i32::MIN,
            &[("query", "REQUIRED"), ("limit", "OUT_OF_RANGE")],
        ),
    ] {
        let request = SuggestClientsRequest {
            limit,
            ..typed(&query)
        };
        let refused = ids(&admin, request).await.expect_err("refused");
        refused.violates(violations);
    }
    let longest = format!(" {} ", "ñ".repeat(100));
    assert_eq!(names(&admin, &longest).await, [""; 0]);
}
