//! Words of callers, sought wherever a service leaves traces: its log with
//! everything turned up, the metrics, PostgreSQL's log and the answers that are
//! errors.

mod faults;

use std::collections::BTreeMap;

use nvito_clients::grpc::proto::{
    ClientPatch, ClientStatus, CreateClientRequest, ListClientsRequest, TransitionClientRequest,
    UpsertEventRequest, UpsertOrganizationRequest,
};
use prost::Message;
use prost_reflect::Value;
use tonic::Code;

use crate::hostile::walk::{Field, Rows, text};
use crate::support::{Actor, Failure, Folder, Service, client, nobody};

/// In every word.
const WORD: &str = "canario";
/// In telephone numbers, RFCs and ids, where no word can stand.
const NUMBER: &str = "55 8675 3097";
const RFC: &str = "CNRO900317KJ4";
const ID: &str = "c0ffee00-7777-7bad-8bad-c0ffee007777";

/// Everything that must not be found, in the forms that a debugger's output
/// gives it.
const SOUGHT: [&str; 9] = [
    WORD,
    "63616e6172696f",                 // hexadecimal
    "99, 97, 110, 97, 114, 105, 111", // a list of bytes
    "y2fuyxjpb",                      // base64
    "8675 3097",
    "86753097",
    "cnro900317",
    "c0ffee00",
    "hunter2",
];

/// Asserts that no word of a caller is in `text`.
#[track_caller]
pub(crate) fn silent(place: &str, text: &str) {
    let found = text.lines().filter(|line| {
        let line = line.to_lowercase();
        SOUGHT.iter().any(|canary| line.contains(canary))
    });
    // The first line of each speaker.
    let mut told = BTreeMap::new();
    for line in found {
        let speaker = line.split("\"target\":\"").nth(1);
        let speaker = speaker.and_then(|rest| rest.split('"').next());
        let start: String = line.chars().take(400).collect();
        told.entry(speaker.unwrap_or_default()).or_insert(start);
    }
    assert!(
        told.is_empty(),
        "{place} tells what a caller said: {told:#?}"
    );
}

/// The same of an error's answer, which may name ids that the caller asked for.
#[track_caller]
fn silent_answer<T>(answer: Result<T, Failure>) {
    if let Err(failure) = answer {
        let seen = format!("{failure:?}").to_lowercase();
        // Whole, or one random id in some hundreds would be taken for it.
        for canary in [WORD, "8675 3097", "86753097", "cnro900317"] {
            assert!(!seen.contains(canary), "{canary}: {seen}");
        }
    }
}

/// A service that says all it can, and its PostgreSQL.
struct Loud {
    folder: Folder,
    service: Service,
}

impl Loud {
    fn start(settings: &[(&str, &str)]) -> Self {
        let folder = Folder::used();
        let loud = [
            ("CLIENTS_LOG", "trace"),
            ("CLIENTS_METRICS_LISTEN", "127.0.0.1:0"),
        ];
        let service = Service::start(&folder, &[&loud, settings].concat());
        Self { folder, service }
    }

    /// A Super Admin whose metadata is full of canaries.
    async fn actor(&self) -> Actor {
        let root = self.service.super_admin().await;
        root.saying("accept-language", "canario, en;q=0.5")
            .saying("authorization", "Bearer canario.hunter2")
            .saying("x-canario", WORD)
            .saying("x-other", "canario hunter2")
            .saying("traceparent", "00-canario")
            .saying("tracestate", "canario=1")
    }

    /// What is read by people who are not the caller.
    #[track_caller]
    fn silent(&self) {
        let postgres = self.folder.data().join("postgres.log");
        let postgres = std::fs::read_to_string(postgres).expect("a log");
        silent("the log", &self.service.log());
        silent("/metrics", &self.service.http("GET /metrics"));
        silent("PostgreSQL's log", &postgres);
    }
}

async fn rows(actor: &Actor) -> Rows {
    let organization = UpsertOrganizationRequest {
        id: nobody(),
        name: "Canario S.A.".to_owned(),
    };
    let event = UpsertEventRequest {
        id: nobody(),
        organization_id: organization.id.clone(),
        name: "Boda Canario".to_owned(),
        starts_at: None,
    };
    let ids = (organization.id.clone(), event.id.clone());
    let mut directory = actor.directory();
    directory
        .upsert_organization(organization)
        .await
        .expect("known");
    directory.upsert_event(event).await.expect("known");
    Rows::at(actor.clone(), ids.0, ids.1).await
}

#[tokio::test]
async fn no_field_of_any_request_is_told() {
    let loud = Loud::start(&[]);
    let actor = loud.actor().await;
    let rows = rows(&actor).await;
    let mut seen = 0;
    for field in Field::texts() {
        seen += 1;
        let right = match field.name() {
            "email" => "canario@example.com",
            "phone" => NUMBER,
            "rfc" => RFC,
            _ if field.is_id() || field.name() == "ids" => ID,
            _ => "Canario",
        };
        // Right for most; for no field is a control character.
        for value in [right, "canario", "canario@", "canario\u{7}"] {
            silent_answer(field.send(&rows, text(value)).await);
        }
    }
    assert!(seen >= 60, "{seen}");
    // Numbers that no enum has, and bytes that are no message.
    for field in Field::all() {
        if matches!(field.last().kind(), prost_reflect::Kind::Enum(_)) {
            // A violation names the number, which is the caller's own.
            let _ = field.send(&rows, Value::EnumNumber(86_753_097)).await;
        }
        let mut bytes = rows.request(&field.method, None).encode_to_vec();
        bytes.extend_from_slice(b"\xffcanario");
        silent_answer(rows.send(&field.method, bytes).await);
    }
    silent_answer(actor.raw("canario.Service/Canario", Vec::new()).await);
    for key in ["x-user-id", "x-role", "x-organization-id"] {
        let nobody = Actor::new(loud.service.channel().await, vec![(key, WORD.to_owned())]);
        silent_answer(nobody.list(ListClientsRequest::default()).await);
    }
    loud.silent();
}

/// A client with a canary in every field that takes one.
fn new(organization_id: &str, name: &str) -> CreateClientRequest {
    let some = |text: &str| Some(text.to_owned());
    CreateClientRequest {
        organization_id: organization_id.to_owned(),
        email: Some(format!("{name}@example.com")),
        phone: some(NUMBER),
        rfc: some(RFC),
        business_name: some("Canario y Asociados"),
        billing_address: some("Calle Canario 1"),
        acquisition_detail: some("canario"),
        notes: Some(format!("notas de {name}")),
        ..client(name)
    }
}

#[tokio::test]
async fn nothing_that_is_written_read_and_searched_is_told() {
    let loud = Loud::start(&[]);
    let actor = loud.actor().await;
    let own = nobody();
    let organization = UpsertOrganizationRequest {
        id: own.clone(),
        name: "Canario".to_owned(),
    };
    let known = actor.directory().upsert_organization(organization).await;
    known.expect("known");
    let made = actor
        .create(new(&own, "canario.uno"))
        .await
        .expect("created");
    actor
        .create(new(&own, "canario.dos"))
        .await
        .expect("created");
    let taken = actor.create(new(&own, "CANARIO.uno")).await;
    let taken = taken.expect_err("taken");
    taken.is(Code::AlreadyExists, "CLIENT_EMAIL_TAKEN");
    silent_answer(Err::<(), _>(taken));
    let patch = ClientPatch {
        notes: Some("el canario canta".to_owned()),
        ..ClientPatch::default()
    };
    actor.patch(&made.id, patch).await.expect("updated");
    let step = TransitionClientRequest {
        id: made.id.clone(),
        target_status: ClientStatus::Active.into(),
        reason: "lo pidió el canario".to_owned(),
        ..TransitionClientRequest::default()
    };
    actor.step(step).await.expect("active");
    for search in ["canario", "5586753097", "canario.uno@"] {
        let by_name = ListClientsRequest {
            search: search.to_owned(),
            order_by: "name".to_owned(),
            limit: 1,
            ..ListClientsRequest::default()
        };
        let first = actor.list(by_name.clone()).await.expect("listed");
        assert_eq!(first.clients.len(), 1);
        // It holds the name of the last row.
        let token = first.next_page_token;
        if !token.is_empty() {
            let next = ListClientsRequest {
                page_token: token.clone(),
                ..by_name
            };
            actor.list(next).await.expect("the second page");
            let log = loud.service.log();
            assert!(!log.contains(&token), "a page token is told");
        }
    }
    actor.history(&made.id).await.expect("told to the caller");
    actor.delete(&made.id).await.expect("deleted");
    actor.purge(&made.id).await.expect("purged");
    loud.silent();
}
