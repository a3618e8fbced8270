//! Messages at random: whatever is in them, the fault is never ours.

use std::cell::Cell;

use nvito_clients::grpc::proto::{
    ClientPatch, CreateClientRequest, ListClientsRequest, UpdateClientRequest,
};
use proptest::option::weighted;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use prost_reflect::{FieldDescriptor, Kind, Value};
use prost_types::FieldMask;
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use tonic::Code;

use super::walk::{Field, Rows};
use crate::support::{App, Failure, client};

/// Cases of a plain `cargo test`, and of each batch of more: four requests each.
const CASES: u32 = 1_300;

/// Texts that have broken programs before.
const NASTY: [&str; 24] = [
    "",
    " ",
    "\0",
    "a\0b",
    "\u{feff}Ana",
    "\u{202e}anA",
    "e\u{301}\u{301}\u{301}",
    "🎉👩‍👩‍👧‍👦",
    "İIıiſß",
    "'; DROP TABLE clients; --",
    "\\",
    "%",
    "_%\\",
    "$1",
    "{}",
    "NULL",
    "+52 1 55 1234 5678",
    "+5215512345678;ext=1",
    "tel:+1;phone-context=+52",
    "ana@example.com",
    "EKU9003173C9",
    "name desc",
    "0192f0c1-2345-7abc-8def-0123456789ab",
    "\u{1F1F2}\u{1F1FD}\u{fffd}\u{10ffff}",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(&NASTY[..]).prop_map(str::to_owned),
        3 => "\\PC{0,24}",
        2 => "[+0-9 ().;ext=*#-]{0,20}",
        1 => any::<String>(),
    ]
}

fn maybe() -> impl Strategy<Value = Option<String>> {
    weighted(0.3, text())
}

fn number() -> impl Strategy<Value = i32> {
    prop_oneof![4 => Just(0), 4 => 0..8, 1 => any::<i32>()]
}

fn create() -> impl Strategy<Value = CreateClientRequest> {
    let texts = [(); 7].map(|()| maybe());
    let numbers = [(); 3].map(|()| number());
    let ids = (weighted(0.1, text()), weighted(0.1, text()));
    (text(), texts, numbers, ids, any::<bool>()).prop_map(
        |(name, texts, [client_type, status, source], (assigned_to_id, request_id), dry)| {
            let [
                email,
                phone,
                rfc,
                business_name,
                billing_address,
                detail,
                notes,
            ] = texts;
            CreateClientRequest {
                organization_id: String::new(),
                name,
                email,
                phone,
                r#type: client_type,
                status,
                rfc,
                business_name,
                billing_address,
                acquisition_source: source,
                acquisition_detail: detail,
                notes,
                assigned_to_id,
                request_id: request_id.unwrap_or_default(),
                validate_only: dry,
            }
        },
    )
}

/// A change of the client `id`; the values are those of a creation.
fn update(id: String) -> impl Strategy<Value = UpdateClientRequest> {
    const PATHS: [&str; 8] = [
        "name",
        "email",
        "phone",
        "type",
        "status",
        "rfc",
        "billingAddress",
        "id",
    ];
    let path = prop_oneof![6 => select(&PATHS[..]).prop_map(str::to_owned), 1 => text()];
    let mask = weighted(0.5, proptest::collection::vec(path, 0..4));
    let etag = prop_oneof![4 => Just(String::new()), 1 => text()];
    (create(), mask, etag).prop_map(move |(values, mask, etag)| UpdateClientRequest {
        id: id.clone(),
        client: Some(ClientPatch {
            name: Some(values.name),
            email: values.email,
            phone: values.phone,
            r#type: Some(values.r#type),
            status: Some(values.status),
            rfc: values.rfc,
            business_name: values.business_name,
            billing_address: values.billing_address,
            acquisition_source: Some(values.acquisition_source),
            acquisition_detail: values.acquisition_detail,
            notes: values.notes,
            assigned_to_id: values.assigned_to_id,
        }),
        update_mask: mask.map(|paths| FieldMask { paths }),
        etag,
        request_id: values.request_id,
        validate_only: values.validate_only,
    })
}

/// A list; `token` is one that was handed out, which is sent spoilt as well.
fn list(token: String) -> impl Strategy<Value = ListClientsRequest> {
    let spoilt = (Just(token.clone()), any::<usize>(), "[A-Za-z0-9_-]").prop_map(
        |(mut token, at, other): (String, usize, String)| {
            let at = at % token.len();
            token.replace_range(at..=at, &other);
            token
        },
    );
    let token = prop_oneof![4 => Just(String::new()), 1 => Just(token), 3 => spoilt, 1 => text()];
    let order = prop_oneof![
        4 => select(&["", "name", "name desc", "createdAt", "updated_at desc"][..])
            .prop_map(str::to_owned),
        1 => text(),
    ];
    let rest = (weighted(0.1, text()), any::<bool>());
    ([(); 4].map(|()| number()), text(), order, token, rest).prop_map(
        |([page, limit, status, client_type], search, order_by, page_token, rest)| {
            ListClientsRequest {
                page,
                limit,
                search,
                status,
                r#type: client_type,
                assigned_to_id: rest.0.unwrap_or_default(),
                unassigned: rest.1,
                organization_id: String::new(),
                order_by,
                show_deleted: false,
                page_token,
            }
        },
    )
}

/// A value for a field of a message, of its kind.
fn value(field: &FieldDescriptor, text: String, number: i32) -> Value {
    match field.kind() {
        Kind::String => Value::String(text),
        Kind::Bool => Value::Bool(number % 2 == 0),
        Kind::Enum(_) => Value::EnumNumber(number),
        Kind::Int64 => Value::I64(i64::from(number) << (text.len() % 32)),
        _ => Value::I32(number),
    }
}

/// Sends `cases`, a multiple of [`CASES`], of four requests at random each over
/// a socket: a creation, a change, a list, and one of any method that is right
/// but for one field. How many there were, and how many of each kind were
/// taken; fails at the first answer that is no fault of the caller's.
pub(crate) async fn run(cases: u32) -> Result<(u32, [u32; 4]), String> {
    let (mut sent, mut fine) = (0, [0; 4]);
    for number in 0..cases / CASES {
        let (more, taken) = batch(number).await?;
        sent += more;
        fine = std::array::from_fn(|at| fine[at] + taken[at]);
    }
    Ok((sent, fine))
}

/// [`CASES`] cases in a database of their own, the same in every run: a failure
/// can be repeated.
async fn batch(number: u32) -> Result<(u32, [u32; 4]), String> {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let actor = own.platform_admin();
    let made = actor.create(client("Ana")).await.expect("created");
    actor.create(client("Benito")).await.expect("created");
    let two = ListClientsRequest {
        limit: 1,
        ..ListClientsRequest::default()
    };
    let token = actor.list(two).await.expect("listed").next_page_token;
    assert!(!token.is_empty());
    let rows = Rows::of(&app).await;
    let fields = Field::all();

    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let seed: Vec<_> = number.to_be_bytes().repeat(8);
    let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(config, seed);
    let fine = [const { Cell::new(0) }; 4];
    let sent = Cell::new(0);
    let any_field = (0..fields.len(), text(), any::<i32>());
    let requests = (create(), update(made.id), list(token), any_field);
    let outcome = runner.run(&requests, |(create, update, list, (at, text, number))| {
        let field = &fields[at];
        let answers = block_in_place(|| {
            Handle::current().block_on(async {
                [
                    actor.create(create).await.map(drop),
                    actor.update(update).await.map(drop),
                    actor.list(list).await.map(drop),
                    field.send(&rows, value(field.last(), text, number)).await,
                ]
            })
        });
        for (answer, fine) in answers.into_iter().zip(&fine) {
            sent.set(sent.get() + 1);
            fine.set(fine.get() + u32::from(answer.is_ok()));
            answer.or_else(|failure| expected(&failure))?;
        }
        Ok(())
    });
    match outcome {
        Ok(()) => Ok((sent.get(), fine.map(Cell::into_inner))),
        Err(failure) => Err(failure.to_string()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_at_random_is_a_fault_of_ours() {
    let (sent, fine) = run(CASES).await.expect("no fault of ours");
    assert_eq!(sent, CASES * 4);
    // Neither all refused nor all taken, or nothing was tried.
    assert!(
        fine.iter().all(|fine| (10..CASES).contains(fine)),
        "{fine:?}"
    );
}

fn expected(failure: &Failure) -> Result<(), TestCaseError> {
    match failure.code {
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Aborted => Ok(()),
        _ => Err(TestCaseError::fail(format!("{failure:?}"))),
    }
}
