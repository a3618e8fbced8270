//! Sequences of operations at random: after each step the service agrees with a
//! model of it in memory.
//!
//! `CLIENTS_MODEL_SEQUENCES` is how many are played; without it, [`SEQUENCES`].
//! The same ones come in every run, so a failure can be repeated; what fails is
//! told with the shortest sequence that still does.

mod book;
mod comparison;
mod lists;
mod rules;
mod stage;
mod steps;

use std::collections::BTreeMap;
use std::env;
use std::sync::{Arc, Mutex, OnceLock};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use self::book::Book;
use self::comparison::{Checked, Comparison, same};
use self::stage::{Reply, Stage};
use self::steps::{Step, sequence};
use crate::support::{App, CONNECTIONS, Failure};

const SEQUENCES: u32 = 2_000;
/// Sequences at a time. Each makes one call after the other, so that nobody
/// waits for a connection for so long that it is turned away.
const PLAYERS: u8 = 6;
const _: () = assert!((PLAYERS as usize) < CONNECTIONS);

/// How often each kind of step came to which end.
type Tally = Mutex<BTreeMap<String, u32>>;

/// Every kind of step with every end that it has.
const ENDS: [&str; 36] = [
    "Create ASSIGNEE_NOT_IN_ORGANIZATION",
    "Create CLIENT_EMAIL_TAKEN",
    "Create OK",
    "Delete CLIENT_NOT_FOUND",
    "Delete ETAG_MISMATCH",
    "Delete OK",
    "Link CLIENT_NOT_FOUND",
    "Link EVENT_NOT_FOUND",
    "Link OK",
    "Purge CLIENT_NOT_DELETED",
    "Purge CLIENT_NOT_FOUND",
    "Purge OK",
    "Reassign ASSIGNEE_NOT_IN_ORGANIZATION",
    "Reassign OK",
    "RemoveEvent EVENT_NOT_FOUND",
    "RemoveEvent OK",
    "RemoveMember MEMBER_NOT_FOUND",
    "RemoveMember OK",
    "Repeat OK",
    "Transition CLIENT_NOT_FOUND",
    "Transition CLIENT_TRANSITION_NOT_ALLOWED",
    "Transition ETAG_MISMATCH",
    "Transition OK",
    "Undelete CLIENT_EMAIL_TAKEN",
    "Undelete CLIENT_NOT_FOUND",
    "Undelete OK",
    "Unlink EVENT_NOT_FOUND",
    "Unlink OK",
    "Update ASSIGNEE_NOT_IN_ORGANIZATION",
    "Update CLIENT_EMAIL_TAKEN",
    "Update CLIENT_NOT_FOUND",
    "Update CLIENT_TRANSITION_NOT_ALLOWED",
    "Update ETAG_MISMATCH",
    "Update OK",
    "UpsertEvent OK",
    "UpsertMember OK",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_agrees_with_its_model() {
    let wanted = env::var("CLIENTS_MODEL_SEQUENCES");
    let sequences = wanted.map_or(SEQUENCES, |wanted| wanted.parse().expect("a number"));
    let app = Arc::new(App::start().await);
    let tally = Arc::new(Tally::default());
    let failure = Arc::new(OnceLock::new());
    let mut players = JoinSet::new();
    for player in 0..PLAYERS {
        let (app, tally, failure) = (app.clone(), tally.clone(), failure.clone());
        let handle = Handle::current();
        let config = Config {
            cases: sequences.div_ceil(PLAYERS.into()),
            failure_persistence: None,
            max_shrink_iters: 500,
            ..Config::default()
        };
        let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[player; 32]);
        let mut runner = TestRunner::new_with_rng(config, seed);
        players.spawn_blocking(move || {
            let played = runner.run(&sequence(), |steps| {
                // One failure is enough to look at.
                if failure.get().is_some() {
                    return Ok(());
                }
                handle.block_on(play(&app, &steps, &tally))
            });
            if let Err(found) = played {
                failure.set(found).ok();
            }
        });
    }
    players.join_all().await;
    match failure.get() {
        Some(TestError::Fail(reason, steps)) => {
            let steps: Vec<_> = steps.iter().map(|step| format!("{step:?}")).collect();
            panic!("{reason}\n{}", steps.join("\n"));
        }
        Some(TestError::Abort(reason)) => panic!("{reason}"),
        None => {}
    }
    // Every rule was put to the test, or the sequences are too tame.
    let tally = tally.lock().expect("whole");
    let ends: Vec<_> = tally.keys().collect();
    assert!(ends == ENDS || sequences < SEQUENCES, "{tally:#?}");
}

fn count(tally: &Tally, step: &Step, found: &Result<Reply, Failure>) {
    let step = format!("{step:?}");
    let kind = step.split(' ').next().unwrap_or_default();
    let end = match found {
        Ok(_) => "OK",
        Err(failure) => &failure.reason,
    };
    let mut tally = tally.lock().expect("whole");
    *tally.entry(format!("{kind} {end}")).or_default() += 1;
}

/// Plays one sequence in an organization of its own.
async fn play(app: &App, steps: &[Step], tally: &Tally) -> Checked {
    let mut book = Book::new();
    let mut stage = Stage::set(app, &book).await;
    for (number, step) in steps.iter().enumerate() {
        let taken = take(number, step, &mut book, &mut stage, tally).await;
        taken.map_err(|error| TestCaseError::fail(format!("step {number}, {step:?}: {error}")))?;
    }
    let stage = &stage;
    let book = &book;
    let compared = Comparison { stage, book }.all().await;
    compared.map_err(|error| TestCaseError::fail(format!("at the end: {error}")))
}

/// Takes one step in both and compares them.
async fn take(
    number: usize,
    step: &Step,
    book: &mut Book,
    stage: &mut Stage,
    tally: &Tally,
) -> Checked {
    let Some(call) = stage.call(step, book) else {
        return Ok(());
    };
    let mut next = book.clone();
    let expected = next.take(step);
    let found = stage.send(&call).await;
    count(tally, step, &found);
    if let (Step::Repeat, Some((_, first)), Ok(again)) = (step, &stage.last, &found) {
        same("repetition", first, again)?;
    } else {
        let (stage, book) = (&*stage, &next);
        Comparison { stage, book }.outcome(&expected, &found)?;
    }

    let before = book.clone();
    if let Ok(reply) = found
        && !step.validates_only()
    {
        *book = next;
        if let (Step::Create { .. }, Reply::Client(client)) = (step, &reply) {
            stage.clients.push(client.id.clone());
        }
        if call.is_repeatable() {
            stage.last = Some((call, reply));
        }
    }
    let (stage, book) = (&*stage, &*book);
    Comparison { stage, book }.step(number, step, &before).await
}
