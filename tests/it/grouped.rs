//! Writes of many callers in one transaction: shared under load, and nobody the
//! worse for whom they share it with.

use std::time::{Duration, Instant};

use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::{
    Client, ClientPatch, ClientStatus, CreateClientRequest, UpdateClientRequest,
};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tonic::{Code, Request};

use crate::support::{
    Actor, App, BUSY, Failure, assert_told, assert_whole, at_once, client, nobody, patiently,
};

/// Transactions of one kind under way at once, with the one more while one is slow.
const LANES: i64 = 3;
/// As many writes keep them all busy.
const CROWD: usize = 12;

type Write = JoinHandle<Result<Client, Failure>>;

/// What keeps all transactions of one kind busy, so that who comes now waits for the
/// next and goes together.
struct Jam<'a> {
    app: &'a App,
    stuck: Vec<Write>,
}

impl<'a> Jam<'a> {
    /// Of changes.
    async fn of_changes(app: &'a App) -> Self {
        let admin = app.org("Atasco").await.platform_admin();
        let mut ids = Vec::new();
        for number in 0..CROWD {
            ids.push(made(&admin, &format!("Atasco {number}")).await.id);
        }
        Self::of(app, &|number| {
            written(&admin, notes(&ids[number], &nobody()))
        })
        .await
    }

    /// Of creations.
    async fn of_creations(app: &'a App) -> Self {
        let admin = app.org("Atasco").await.platform_admin();
        Self::of(app, &|_| created(&admin, client("Atasco"))).await
    }

    async fn of(app: &'a App, write: &dyn Fn(usize) -> Write) -> Self {
        app.execute(
            "CREATE TABLE jam ();
             CREATE FUNCTION jam() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
                 BEGIN
                     IF EXISTS (SELECT FROM public.jam) THEN PERFORM pg_sleep(1.5); END IF;
                     RETURN NULL;
                 END $$;
             CREATE TRIGGER jam BEFORE INSERT ON client_history EXECUTE FUNCTION jam()",
        )
        .await;
        let busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                    AND wait_event = 'PgSleep' AND query LIKE '%unnest%'";
        for _ in 0..20 {
            app.execute("INSERT INTO jam DEFAULT VALUES").await;
            let jam = Self {
                app,
                stuck: (0..CROWD).map(write).collect(),
            };
            for _ in 0..25 {
                sleep(Duration::from_millis(20)).await;
                if app.count(busy).await == LANES {
                    return jam;
                }
            }
            // They came one by one.
            jam.clear().await;
        }
        panic!("the writes never went together");
    }

    /// Lets everybody go on, once all who are to go together wait.
    async fn clear(self) {
        sleep(Duration::from_millis(200)).await;
        self.app.execute("DELETE FROM jam").await;
        for stuck in self.stuck {
            stuck.await.expect("no panic").expect("written");
        }
    }
}

fn notes(id: &str, text: &str) -> UpdateClientRequest {
    patch(
        id,
        ClientPatch {
            notes: Some(text.to_owned()),
            ..ClientPatch::default()
        },
    )
}

fn patch(id: &str, patch: ClientPatch) -> UpdateClientRequest {
    UpdateClientRequest {
        id: id.to_owned(),
        client: Some(patch),
        request_id: nobody(),
        ..UpdateClientRequest::default()
    }
}

/// An update that is on its way once the caller waits for anything.
fn written(actor: &Actor, request: UpdateClientRequest) -> Write {
    let actor = actor.clone();
    tokio::spawn(async move { actor.update(request).await })
}

fn created(actor: &Actor, request: CreateClientRequest) -> Write {
    let actor = actor.clone();
    tokio::spawn(async move { actor.create(request).await })
}

async fn made(actor: &Actor, name: &str) -> Client {
    actor.create(client(name)).await.expect("created")
}

async fn answer(write: Write) -> Result<Client, Failure> {
    write.await.expect("no panic")
}

/// In how many transactions the last writes of these clients were made.
async fn transactions(app: &App, clients: &[Client]) -> i64 {
    let ids: Vec<_> = clients.iter().map(|client| client.id.as_str()).collect();
    app.count(&format!(
        "SELECT count(DISTINCT told.xmin::text) FROM client_history AS told
         JOIN clients AS client ON (client.id, client.version) = (told.client_id, told.version)
         WHERE client.id IN ('{}')",
        ids.join("', '")
    ))
    .await
}

/// Asserts that an answer is what is there, and what its history tells.
async fn assert_there(actor: &Actor, answer: &Client) {
    let found = actor.get(&answer.id).await.expect("found");
    let expected = Client {
        events: found.events.clone(),
        ..answer.clone()
    };
    assert_eq!(found, expected);
    assert_told(answer, &actor.history(&answer.id).await.expect("a history"));
}

#[tokio::test]
async fn changes_that_wait_go_together() {
    let app = App::start().await;
    let (own, other) = (app.org("Propia").await, app.org("Ajena").await);
    let actors = [own.platform_admin(), other.platform_admin()];
    let mut clients = Vec::new();
    for number in 0..12 {
        let actor = &actors[number % 2];
        clients.push((actor, made(actor, &format!("Ana {number}")).await));
    }
    let jam = Jam::of_changes(&app).await;
    let mut writes = Vec::new();
    for (number, (actor, client)) in clients.iter().enumerate() {
        writes.push(if number < 10 {
            written(actor, notes(&client.id, &format!("nota {number}")))
        } else {
            let (actor, id) = ((*actor).clone(), client.id.clone());
            tokio::spawn(async move { actor.transition(&id, ClientStatus::Active).await })
        });
    }
    jam.clear().await;
    let mut answers = Vec::new();
    for (number, (write, (actor, client))) in writes.into_iter().zip(&clients).enumerate() {
        let answer = answer(write).await.expect("changed");
        assert_eq!(answer.id, client.id);
        if number < 10 {
            assert_eq!(answer.notes, Some(format!("nota {number}")));
        } else {
            assert_eq!(answer.status(), ClientStatus::Active);
        }
        assert_there(actor, &answer).await;
        answers.push(answer);
    }
    assert_eq!(transactions(&app, &answers).await, 1);
}

/// Whatever is wrong with one of them, or not plain, is nobody else's.
#[tokio::test]
async fn each_change_gets_what_is_its_own() {
    let app = App::start().await;
    let (own, other) = (app.org("Propia").await, app.org("Ajena").await);
    let (admin, stranger) = (own.platform_admin(), other.platform_admin());
    let eva = own.member("Eva").await;
    let mut clients = Vec::new();
    for number in 0..9 {
        clients.push(made(&admin, &format!("Ana {number}")).await);
    }
    let [
        plain,
        stale,
        twice,
        again,
        moves,
        renamed,
        same,
        stays,
        held,
    ] = <[Client; 9]>::try_from(clients).expect("nine");
    let foreign = made(&stranger, "Eva").await;
    let untouched = made(&stranger, "Zoe").await;
    let rival = app.superuser().await;
    let hold = format!(
        "BEGIN; SELECT FROM clients WHERE id = '{}' FOR UPDATE",
        held.id
    );
    rival.batch_execute(&hold).await.expect("held");

    let before = notes(&stays.id, "antes");
    let answered = admin.update(before.clone()).await.expect("changed");

    let jam = Jam::of_changes(&app).await;
    let with_etag = |etag: &str| UpdateClientRequest {
        etag: etag.to_owned(),
        ..notes(&stale.id, "nueva")
    };
    let repeated = notes(&again.id, "una vez");
    let goes = |request| written(&admin, request);
    let good = goes(notes(&plain.id, "nueva"));
    let hers = written(&stranger, notes(&foreign.id, "suya"));
    let across = goes(notes(&untouched.id, "ajena"));
    let same_as_hers = goes(notes(&foreign.id, "ajena"));
    let absent = goes(notes(&nobody(), "nadie"));
    let outdated = goes(with_etag("0000abcd"));
    let both = ["primera", "segunda"].map(|text| goes(notes(&twice.id, text)));
    let twins = [(); 2].map(|()| goes(repeated.clone()));
    let assigned = goes(patch(
        &moves.id,
        ClientPatch {
            assigned_to_id: Some(eva.clone()),
            ..ClientPatch::default()
        },
    ));
    let named = goes(patch(
        &renamed.id,
        ClientPatch {
            name: Some("Beatriz".to_owned()),
            email: Some("bea@example.com".to_owned()),
            ..ClientPatch::default()
        },
    ));
    let unchanged = goes(patch(
        &same.id,
        ClientPatch {
            name: Some(same.name.clone()),
            ..ClientPatch::default()
        },
    ));
    let repetition = goes(before);
    let forbidden = {
        let (admin, id) = (admin.clone(), stays.id.clone());
        tokio::spawn(async move { admin.transition(&id, ClientStatus::Completed).await })
    };
    let late = goes(notes(&held.id, "tarde"));
    jam.clear().await;

    let (good, hers) = (answer(good).await, answer(hers).await);
    let together = [good.expect("changed"), hers.expect("changed")];
    assert_there(&admin, &together[0]).await;
    assert_there(&stranger, &together[1]).await;
    assert_eq!(transactions(&app, &together).await, 1);
    for nowhere in [across, same_as_hers, absent] {
        let refused = answer(nowhere).await.expect_err("not theirs");
        refused.is(Code::NotFound, "CLIENT_NOT_FOUND");
    }
    let refused = answer(outdated).await.expect_err("outdated");
    refused.is(Code::Aborted, "ETAG_MISMATCH");
    for write in both {
        answer(write).await.expect("one after the other");
    }
    assert_eq!(admin.history(&twice.id).await.expect("told").len(), 3);
    let [first, second] = twins;
    let (first, second) = (answer(first).await, answer(second).await);
    assert_eq!(first.expect("changed"), second.expect("the same answer"));
    assert_eq!(admin.history(&again.id).await.expect("told").len(), 2);
    let assigned = answer(assigned).await.expect("assigned");
    assert_eq!(assigned.assigned_to.as_ref().expect("Eva").id, eva);
    assert_there(&admin, &assigned).await;
    assert_there(&admin, &answer(named).await.expect("renamed")).await;
    assert_eq!(answer(unchanged).await.expect("as it was"), same);
    assert_eq!(answer(repetition).await.expect("as before"), answered);
    let refused = answer(forbidden).await.expect_err("no such step");
    refused.is(Code::FailedPrecondition, "CLIENT_TRANSITION_NOT_ALLOWED");
    // Nobody has waited for it but its own caller.
    assert!(!late.is_finished());
    rival.batch_execute("ROLLBACK").await.expect("released");
    assert_there(&admin, &answer(late).await.expect("changed")).await;
    let left = stranger.get(&foreign.id).await.expect("found");
    assert_eq!(left.notes.as_deref(), Some("suya"));
    assert_there(&stranger, &untouched).await;
}

#[tokio::test]
async fn creations_that_wait_go_together_and_each_gets_its_own() {
    let app = App::start().await;
    let (own, other) = (app.org("Propia").await, app.org("Ajena").await);
    let (admin, stranger) = (own.platform_admin(), other.platform_admin());
    let (eva, zoe) = (own.member("Eva").await, other.member("Zoe").await);
    let unknown = app.actor(Role::PlatformAdmin, Some(&nobody()));
    let email = |actor: &Actor, email: &str| {
        let email = Some(email.to_owned());
        created(
            actor,
            CreateClientRequest {
                email,
                request_id: nobody(),
                ..client("Con correo")
            },
        )
    };
    let assigned = |user: &str| {
        let assigned_to_id = Some(user.to_owned());
        created(
            &admin,
            CreateClientRequest {
                assigned_to_id,
                ..client("Con responsable")
            },
        )
    };
    let taken = CreateClientRequest {
        email: Some("ya@example.com".to_owned()),
        ..client("La primera")
    };
    let first = admin.create(taken).await.expect("created");
    let twin = CreateClientRequest {
        request_id: nobody(),
        ..client("Una sola vez")
    };

    let jam = Jam::of_creations(&app).await;
    let good = [
        email(&admin, "uno@example.com"),
        email(&stranger, "uno@example.com"),
        email(&stranger, "ya@example.com"),
        assigned(&eva),
        created(&admin, client("Sin nada")),
    ];
    let known = email(&admin, "YA@example.com");
    let rivals = ["dos@example.com", "DOS@example.com"].map(|address| email(&admin, address));
    let foreign = assigned(&zoe);
    let nowhere = created(&unknown, client("De nadie"));
    let twins = [(); 2].map(|()| created(&admin, twin.clone()));
    jam.clear().await;

    let mut clients = Vec::new();
    for write in good {
        clients.push(answer(write).await.expect("created"));
    }
    assert_eq!(transactions(&app, &clients).await, 1);
    for client in &clients {
        let whose = if client.organization_id == own.id {
            &admin
        } else {
            &stranger
        };
        assert_there(whose, client).await;
    }
    assert_eq!(clients[3].assigned_to.as_ref().expect("Eva").id, eva);
    let refused = answer(known).await.expect_err("taken");
    refused.is(Code::AlreadyExists, "CLIENT_EMAIL_TAKEN");
    assert!(format!("{refused:?}").contains(&first.id), "{refused:?}");
    let [one, two] = rivals;
    let (one, two) = (answer(one).await, answer(two).await);
    let refused = if one.is_ok() { two } else { one };
    let refused = refused.expect_err("one of them");
    refused.is(Code::AlreadyExists, "CLIENT_EMAIL_TAKEN");
    let refused = answer(foreign).await.expect_err("another's member");
    refused.is(Code::InvalidArgument, "ASSIGNEE_NOT_IN_ORGANIZATION");
    let refused = answer(nowhere).await.expect_err("no such organization");
    refused.is(Code::InvalidArgument, "ORGANIZATION_NOT_FOUND");
    let [one, two] = twins;
    assert_eq!(
        answer(one).await.expect("created"),
        answer(two).await.expect("the same answer")
    );
    let once = "SELECT count(*) FROM clients WHERE name = 'Una sola vez'";
    assert_eq!(app.count(once).await, 1);
}

/// What PostgreSQL refuses of all of them, each hears for itself; nothing is left of it.
#[tokio::test]
async fn what_fails_as_a_whole_leaves_nothing_and_goes_one_by_one() {
    let app = App::start().await;
    let org = app.org("Propia").await;
    let admin = org.platform_admin();
    let (bad, good) = (made(&admin, "Mala").await, made(&admin, "Buena").await);
    app.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'deadlock detected'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON client_history FOR EACH ROW
             WHEN (NEW.changes::text LIKE '%imposible%') EXECUTE FUNCTION refuse()",
    )
    .await;
    let jam = Jam::of_changes(&app).await;
    let refused = written(&admin, notes(&bad.id, "imposible"));
    let written = written(&admin, notes(&good.id, "posible"));
    jam.clear().await;
    let refused = answer(refused).await.expect_err("refused");
    refused.is(Code::Aborted, "TRANSACTION_CONFLICT");
    assert_there(&admin, &bad).await;
    assert_there(&admin, &answer(written).await.expect("changed")).await;
}

/// Who waits for a client or an e-mail that somebody else holds keeps nobody waiting.
#[tokio::test]
async fn who_waits_for_another_holds_up_nobody() {
    let app = App::start().await;
    let stranger = app.org("Ajena").await.platform_admin();
    let free = made(&stranger, "Eva").await;
    let rival = app.superuser().await;
    rival.batch_execute("BEGIN").await.expect("begun");
    let mut waiting = Vec::new();
    for _ in 0..LANES {
        let org = app.org("Propia").await;
        let admin = org.platform_admin();
        let held = made(&admin, "Ana").await;
        let hold = format!(
            "SELECT FROM clients WHERE id = '{}' FOR UPDATE;
             INSERT INTO clients (id, organization_id, name, email)
             VALUES (gen_random_uuid(), '{}', 'Rival', 'ana@example.com')",
            held.id, org.id
        );
        rival.batch_execute(&hold).await.expect("held");
        waiting.push((admin, held));
    }
    let mut stuck = Vec::new();
    for (admin, held) in &waiting {
        let new = CreateClientRequest {
            email: Some("ana@example.com".to_owned()),
            ..client("Espera")
        };
        stuck.push(written(admin, notes(&held.id, "espera")));
        stuck.push(created(admin, new));
        // One by one: together they would not wait.
        sleep(Duration::from_millis(30)).await;
    }
    let began = Instant::now();
    let changed = stranger.update(notes(&free.id, "libre")).await;
    assert_there(&stranger, &changed.expect("changed")).await;
    assert!(began.elapsed() < BUSY, "{:?}", began.elapsed());
    made(&stranger, "Libre").await;
    assert!(began.elapsed() < BUSY, "{:?}", began.elapsed());
    assert!(stuck.iter().all(|stuck| !stuck.is_finished()));
    rival.batch_execute("ROLLBACK").await.expect("released");
    for stuck in stuck {
        answer(stuck).await.expect("written");
    }
}

/// Whoever waits longer than they may hears so, and has written nothing.
#[tokio::test]
async fn who_is_late_has_written_nothing() {
    let app = App::start().await;
    let org = app.org("Propia").await;
    let admin = org.platform_admin();
    let (late, good) = (made(&admin, "Tarde").await, made(&admin, "Buena").await);
    let jam = Jam::of_changes(&app).await;
    let good = written(&admin, notes(&good.id, "posible"));
    let mut call = Request::new(notes(&late.id, "tarde"));
    call.set_timeout(Duration::from_millis(100));
    let status = admin.clients().update_client(call).await;
    let code = status.expect_err("too late").code();
    assert!([Code::DeadlineExceeded, Code::Cancelled].contains(&code));
    jam.clear().await;
    answer(good).await.expect("changed");
    assert_there(&admin, &late).await;
}

/// Nothing is lost and nothing done twice when many write the same few clients at once.
#[tokio::test]
async fn a_crowd_on_few_clients_is_told_to_the_last_write() {
    let app = App::start().await;
    let (own, other) = (app.org("Propia").await, app.org("Ajena").await);
    let actors = [own.platform_admin(), other.platform_admin()];
    let mut clients = Vec::new();
    for number in 0..6 {
        clients.push(made(&actors[number % 2], &format!("Ana {number}")).await);
    }
    let writes = (0..60).map(|number| {
        let (actor, id) = (actors[number % 2].clone(), clients[number % 6].id.clone());
        async move {
            let request = notes(&id, &format!("nota {number}"));
            patiently(|| actor.update(request.clone())).await
        }
    });
    for answer in at_once(writes).await {
        answer.expect("changed");
    }
    for (number, client) in clients.iter().enumerate() {
        let history = actors[number % 2].history(&client.id).await.expect("told");
        assert_eq!(history.len(), 11, "each write, once");
        assert_whole(&history);
    }
}

/// The role of such a transaction sees what is of the organizations that it has named,
/// and may change neither history nor answers.
#[tokio::test]
async fn the_role_of_a_group_has_walls_of_its_own() {
    let app = App::start().await;
    let (own, other) = (app.org("Propia").await, app.org("Ajena").await);
    let third = app.org("Tercera").await;
    for org in [&own, &other, &third] {
        made(&org.platform_admin(), "Ana").await;
        org.member("Eva").await;
    }
    let sql = app.superuser().await;
    let enter = format!(
        "SET ROLE nvito_clients_group; SET app.organization_ids = '{},{}'",
        own.id, other.id
    );
    sql.batch_execute(&enter).await.expect("a role");
    let count = async |table: &str| -> i64 {
        let query = format!("SELECT count(*) FROM {table}");
        let row = sql.query_one(&query, &[]).await;
        row.expect("a count").get(0)
    };
    for table in ["clients", "organizations", "organization_members", "users"] {
        assert_eq!(count(table).await, 2, "{table}");
    }
    assert_eq!(count("idempotent_requests").await, 0);
    let changed = sql.execute("UPDATE clients SET notes = 'de todas'", &[]);
    assert_eq!(changed.await.expect("changed"), 2);
    let into_third = format!(
        "INSERT INTO clients (id, organization_id, name) VALUES (gen_random_uuid(), '{}', 'Ana')",
        third.id
    );
    let moved = format!("UPDATE clients SET organization_id = '{}'", third.id);
    let told = format!(
        "INSERT INTO client_history (organization_id, client_id, version, at, actor_id, kind, request_id, changes)
         VALUES ('{}', gen_random_uuid(), 1, now(), gen_random_uuid(), 'CREATED', '', '[]')",
        third.id
    );
    let kept = "INSERT INTO idempotent_requests (actor_id, request_id, fingerprint)
                VALUES (gen_random_uuid(), gen_random_uuid(), sha256(''))";
    for refused in [
        into_third.as_str(),
        &moved,
        &told,
        kept,
        "DELETE FROM clients",
        "SELECT FROM client_history",
        "UPDATE client_history SET kind = 'CREATED'",
        "UPDATE idempotent_requests SET answer = ''",
        "UPDATE organization_members SET user_id = gen_random_uuid()",
        "SELECT FROM client_totals",
        "SELECT FROM read_clients('{}', '{}', '{}', '{}', 1)",
    ] {
        let error = sql.batch_execute(refused).await.expect_err(refused);
        assert_eq!(error.code().expect("a state").code(), "42501", "{refused}");
    }
    // Without its settings it sees nothing.
    let forgotten = "RESET app.organization_ids; RESET app.actor_ids";
    sql.batch_execute(forgotten).await.expect("forgotten");
    for table in ["clients", "organizations", "organization_members", "users"] {
        assert_eq!(count(table).await, 0, "{table}");
    }
}
