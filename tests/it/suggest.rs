//! `SuggestClients`: who is meant by what is typed so far.

use std::time::{Duration, Instant};

use nvito_clients::domain::principal::{Policy, Role};
use nvito_clients::grpc::proto::{ClientStatus, CreateClientRequest, SuggestClientsRequest};
use nvito_clients::repository::Database;
use nvito_clients::seed;

use crate::support::{Actor, App, Cluster, Failure, Org, client};

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
            // What it resembles: by likeness, then by name.
            (
                "mart",
                &[
                    "Marta Solís",
                    "Boda López–Martínez",
                    "(Máriam) Luna",
                    "Hotel del Mar",
                    "Mar Mar",
                    "Óscar Marín",
                ],
            ),
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
            ("fiesta 🎉", &["Fiesta 🎉 Sol", "🎉 Fiesta Luna"]),
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

#[tokio::test]
async fn a_deleted_client_is_not_suggested() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    fill(
        &org,
        &[
            ("Ana Ruiz", "ana@fiestas.mx", "55 1234 5678"),
            ("Eva", "", ""),
        ],
    )
    .await;
    let id = ids(&admin, typed("ana")).await.expect("found").remove(0);
    let queries = [
        "a", "ana", "r", "ruiz", "fiestas", "5512", "ruis", "eva", "anna",
    ];
    let before = names_of_each(&admin, &queries).await;
    assert_eq!(
        before
            .iter()
            .flatten()
            .filter(|name| *name == "Ana Ruiz")
            .count(),
        8
    );
    root.delete(&id).await.expect("deleted");
    assert_eq!(names_of_each(&admin, &queries).await.concat(), ["Eva"]);
    root.undelete(&id).await.expect("back");
    assert_eq!(names_of_each(&admin, &queries).await, before);
}

async fn names_of_each(actor: &Actor, queries: &[&str]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for query in queries {
        all.push(names(actor, query).await);
    }
    all
}

#[tokio::test]
async fn nobody_is_suggested_to_another_organization() {
    const CLIENTS: &[(&str, &str, &str)] = &[
        ("Ana Ruiz", "ana@fiestas.mx", "55 1234 5678"),
        ("% Bodas", "", ""),
    ];
    let app = App::start().await;
    let (north, south, empty) = (
        app.org("Norte").await,
        app.org("Sur").await,
        app.org("Este").await,
    );
    fill(&north, CLIENTS).await;
    fill(&south, CLIENTS).await;
    let root = app.super_admin();
    let named = |query: &str, organization_id: &str| SuggestClientsRequest {
        organization_id: organization_id.to_owned(),
        ..typed(query)
    };
    // Each stage by itself.
    for query in [
        "a", "ana", "r", "ruiz", "fiestas", "5512", "ruis", "%", "bod",
    ] {
        let (own, other) = (
            ids(&north.platform_admin(), typed(query)).await,
            ids(&south.platform_admin(), typed(query)).await,
        );
        let (own, other) = (own.expect("found"), other.expect("found"));
        assert_eq!((own.len(), other.len()), (1, 1), "{query}");
        assert_ne!(own, other, "{query}");
        assert_eq!(
            ids(&root, named(query, &north.id)).await.expect("found"),
            own
        );
        assert_eq!(
            ids(&root, named(query, &south.id)).await.expect("found"),
            other
        );
        assert_eq!(
            ids(&north.platform_admin(), named(query, &north.id))
                .await
                .expect("found"),
            own
        );
        assert!(
            ids(&empty.platform_admin(), typed(query))
                .await
                .expect("nobody")
                .is_empty()
        );
        let refused = ids(&north.platform_admin(), named(query, &south.id)).await;
        assert_eq!(
            refused.expect_err("refused").reason,
            "ORGANIZATION_NOT_ALLOWED"
        );
    }
    for query in ["ana", ""] {
        let refused = ids(&root, typed(query)).await.expect_err("refused");
        assert!(
            refused
                .violations
                .contains(&("organization_id".to_owned(), "REQUIRED".to_owned())),
            "{refused:?}"
        );
    }
}

/// The function runs behind row-level security: it must know the tenant by
/// itself, at every stage, and nobody else may call it.
#[tokio::test]
async fn the_function_answers_the_tenant_alone() {
    const STAGES: [&str; 6] = ["ana", "r", "ruiz", "fiestas", "ruis", "%"];
    const CALL: &str = "SELECT suggest_client_ids($1, NULL, 20)";
    let app = App::start().await;
    let (north, south) = (app.org("Norte").await, app.org("Sur").await);
    for org in [&north, &south] {
        fill(org, &[("Ana 100% Ruiz", "ana@fiestas.mx", "")]).await;
    }
    let sql = app.superuser().await;
    let delete = format!(
        "RESET ROLE; UPDATE clients SET deleted_at = now() WHERE organization_id = '{}'",
        north.id
    );
    for (begin, found) in [
        (format!("SET app.organization_id = '{}'", north.id), 1),
        ("SET app.organization_id = ''".to_owned(), 0),
        ("RESET app.organization_id".to_owned(), 0),
        (
            format!("{delete}; SET app.organization_id = '{}'", north.id),
            0,
        ),
    ] {
        let begin = format!("{begin}; SET ROLE nvito_clients_tenant");
        sql.batch_execute(&begin).await.expect("a tenant");
        for stage in STAGES {
            let ids = sql.query(CALL, &[&stage]).await.expect("ids");
            assert_eq!(ids.len(), found, "{begin}: {stage}");
        }
    }
    sql.batch_execute("SET ROLE nvito_clients")
        .await
        .expect("the login role");
    let refused = sql.query(CALL, &[&"ana"]).await.expect_err("refused");
    assert_eq!(refused.code().expect("a state").code(), "42501");
}

/// What people type, made of what a tenant has.
struct Typing(u64);

impl Typing {
    fn below(&mut self, end: usize) -> usize {
        // Knuth's MMIX; its high bits are the random ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }

    /// The beginning of a name or of a word of it, sometimes with a slip; or of
    /// a telephone number.
    fn next(&mut self, name: &str, phone: &str) -> String {
        let kind = self.below(10);
        let length = 1 + self.below(8);
        if kind == 0 && !phone.is_empty() {
            return phone.chars().take(3 + length).collect();
        }
        let word = name.split(' ').nth(self.below(3)).unwrap_or(name);
        let at = name.find(word).expect("a part of it");
        let from = if kind < 6 { name } else { &name[at..] };
        let mut typed: Vec<char> = from.chars().take(length).collect();
        if kind == 9 {
            typed = word.chars().collect();
            let slip = self.below(typed.len());
            typed[slip] = char::from(b"aeiosznr"[self.below(8)]);
        }
        typed.into_iter().collect()
    }
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort();
    times[times.len() * percent / 100]
}

/// At most twice what one row by its id takes. Run alone:
/// `cargo test --test it -- --ignored --nocapture figures`
#[tokio::test]
#[ignore = "a measurement: it wants the machine for itself"]
async fn figures() {
    const CALLS: usize = 2000;
    let cluster = Cluster::get();
    let database = cluster.database().await;
    let pool = Database::new(cluster.service(&database), 2);
    seed::load_bulk(&pool, 50, 100_000).await.expect("loaded");
    pool.close().await;
    let sql = cluster.superuser(&database).await;
    let rows = sql
        .query(
            "SELECT id::text, name, coalesce(phone, ''), organization_id::text FROM clients
             WHERE organization_id = (SELECT min(id::text)::uuid FROM organizations)
               AND deleted_at IS NULL ORDER BY id",
            &[],
        )
        .await
        .expect("a tenant");
    let clients: Vec<[String; 3]> = rows
        .iter()
        .map(|row| [row.get(0), row.get(1), row.get(2)])
        .collect();
    let organization: String = rows[0].get(3);
    let app = App::on(database, Policy::default()).await;
    let actor = app.actor(Role::PlatformAdmin, Some(&organization));

    let mut typing = Typing(1);
    let (mut gets, mut suggests, mut slowest) = (Vec::new(), Vec::new(), Vec::new());
    for call in 0..CALLS + 100 {
        let [id, ..] = &clients[typing.below(clients.len())];
        let began = Instant::now();
        actor.get(id).await.expect("found");
        let get = began.elapsed();
        let [_, name, phone] = &clients[typing.below(clients.len())];
        let query = typing.next(name, phone);
        let began = Instant::now();
        ids(&actor, typed(&query)).await.expect("suggested");
        let suggest = began.elapsed();
        // The first calls open connections and plan.
        if call >= 100 {
            gets.push(get);
            suggests.push(suggest);
            slowest.push((suggest, query));
        }
    }
    slowest.sort();
    println!("slowest: {:?}", &slowest[CALLS - 20..]);
    for percent in [50, 99] {
        let (get, suggest) = (
            percentile(&mut gets, percent),
            percentile(&mut suggests, percent),
        );
        let ratio = suggest.as_secs_f64() / get.as_secs_f64();
        println!("p{percent}: GetClient {get:?}, SuggestClients {suggest:?}, ratio {ratio:.2}");
        assert!(percent == 50 || ratio <= 2.0, "{ratio}");
    }
}
