//! Writes of many callers in one transaction: shared under load, and nobody the
//! worse for whom they share it with.

mod changes;
mod creations;
mod failures;
mod walls;

use std::time::Duration;

use nvito_clients::grpc::proto::{Client, ClientPatch, CreateClientRequest, UpdateClientRequest};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::support::{Actor, App, Failure, assert_told, client, nobody};

/// Transactions of one kind under way at once, with the one more while one is slow.
const LANES: i64 = 3;
/// Writes that come at once; some of them go together.
const WAVE: usize = 4;
/// Waves, one after the other, that keep all transactions of a kind busy: whoever comes at
/// once is in two of them at most, as all who wait go with the next.
const WAVES: usize = 5;
/// With so many connections one organization may have that many writes under way, and
/// more: it has a third.
const CONNECTIONS: usize = 48;

type Write = JoinHandle<Result<Client, Failure>>;

/// What keeps all transactions of one kind busy, so that who comes now waits for the
/// next and goes together.
struct Jam<'a> {
    app: &'a App,
    /// Whose writes they are.
    admin: Actor,
    stuck: Vec<Write>,
}

impl<'a> Jam<'a> {
    /// Of changes.
    async fn of_changes(app: &'a App) -> Self {
        let admin = app.org("Atasco").await.platform_admin();
        let mut ids = Vec::new();
        for number in 0..WAVE * WAVES {
            ids.push(made(&admin, &format!("Atasco {number}")).await.id);
        }
        Self::of(app, admin, &|admin, number| {
            written(admin, notes(&ids[number], &nobody()))
        })
        .await
    }

    /// Of creations.
    async fn of_creations(app: &'a App) -> Self {
        let admin = app.org("Atasco").await.platform_admin();
        Self::of(app, admin, &|admin, _| created(admin, client("Atasco"))).await
    }

    async fn of(app: &'a App, admin: Actor, write: &dyn Fn(&Actor, usize) -> Write) -> Self {
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
            let mut jam = Self {
                app,
                admin: admin.clone(),
                stuck: Vec::new(),
            };
            for wave in 0..WAVES {
                let numbers = wave * WAVE..(wave + 1) * WAVE;
                jam.stuck
                    .extend(numbers.map(|number| write(&admin, number)));
                for _ in 0..4 {
                    sleep(Duration::from_millis(20)).await;
                    if app.count(busy).await == LANES {
                        return jam;
                    }
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
