//! Every status and every other.

use nvito_clients::grpc::proto::ClientStatus::{self, Active, Completed, Inactive};
use nvito_clients::grpc::proto::{Client, ClientHistoryKind, ClientPatch, UpdateClientRequest};
use prost_types::FieldMask;
use tokio::join;
use tonic::Code;

use super::{STATUSES, allowed, standing};
use crate::support::{Actor, App, Failure, assert_told, changes};

fn name(status: ClientStatus) -> &'static str {
    let name = status.as_str_name();
    name.strip_prefix("CLIENT_STATUS_").expect("the prefix")
}

fn names(statuses: &[ClientStatus], separator: &str) -> String {
    let names: Vec<_> = statuses.iter().map(|&status| name(status)).collect();
    names.join(separator)
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Transition,
    Update,
}

async fn go(actor: &Actor, way: Way, id: &str, to: ClientStatus) -> Result<Client, Failure> {
    match way {
        Way::Transition => actor.transition(id, to).await,
        Way::Update => {
            let patch = ClientPatch {
                status: Some(to.into()),
                ..ClientPatch::default()
            };
            let request = UpdateClientRequest {
                id: id.to_owned(),
                client: Some(patch),
                update_mask: Some(FieldMask {
                    paths: vec!["status".to_owned()],
                }),
                ..UpdateClientRequest::default()
            };
            actor.update(request).await
        }
    }
}

/// Asserts all that a refused step says, in the language of the call.
#[track_caller]
fn assert_refused(refused: &Failure, from: ClientStatus, to: ClientStatus, english: bool) {
    const REASON: &str = "CLIENT_TRANSITION_NOT_ALLOWED";
    refused.is(Code::FailedPrecondition, REASON);
    let metadata = [
        ("from", name(from).to_owned()),
        ("to", name(to).to_owned()),
        ("allowed", names(allowed(from), ",")),
    ];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value));
    assert_eq!(refused.metadata, metadata.into());
    let failure = refused.details.precondition_failure().expect("a failure");
    let [violation] = &failure.violations[..] else {
        panic!("{failure:?}");
    };
    let (here, there) = (name(from), name(to));
    let told = if english {
        let may = names(allowed(from), " or ");
        format!("A client that is {here} may become {may}, not {there}.")
    } else {
        let may = names(allowed(from), " o ");
        format!("Un cliente en {here} puede pasar a {may}, no a {there}.")
    };
    assert_eq!(
        (&*violation.r#type, &*violation.subject),
        (REASON, "client.status")
    );
    assert_eq!(violation.description, told);
}

#[tokio::test]
async fn a_status_goes_where_the_lifecycle_leads() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let english = admin.clone().saying("accept-language", "en");
    for way in [Way::Transition, Way::Update] {
        for from in STATUSES {
            for to in STATUSES {
                let made = admin.create(standing(from)).await.expect("any start");
                let answer = go(&admin, way, &made.id, to).await;
                let now = admin.get(&made.id).await.expect("found");
                let history = admin.history(&made.id).await.expect("told");
                assert_told(&now, &history);
                if from == to {
                    assert_eq!(answer.expect("nothing to do"), made, "{from:?}");
                    assert_eq!((now, history.len()), (made, 1));
                } else if allowed(from).contains(&to) {
                    assert_eq!(answer.expect("a step"), now);
                    let expected = Client {
                        status: to.into(),
                        allowed_transitions: allowed(to).iter().map(|&next| next.into()).collect(),
                        etag: now.etag.clone(),
                        updated_at: now.updated_at,
                        ..made
                    };
                    assert_eq!((now, history.len()), (expected, 2));
                    let change = [("status", Some(name(from)), Some(name(to)))];
                    assert_eq!(changes(&history[0]), change);
                    let kind = match way {
                        Way::Transition => ClientHistoryKind::Transitioned,
                        Way::Update => ClientHistoryKind::Updated,
                    };
                    assert_eq!(history[0].kind(), kind);
                } else {
                    assert_refused(&answer.expect_err("no step"), from, to, false);
                    let again = go(&english, way, &made.id, to).await;
                    assert_refused(&again.expect_err("no step"), from, to, true);
                    assert_eq!((now, history.len()), (made, 1));
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_steps_begins_where_the_first_has_led() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    for round in 0..20 {
        let id = admin.create(standing(Active)).await.expect("created").id;
        let way = [Way::Transition, Way::Update][round % 2];
        let (one, two) = join!(
            go(&admin, Way::Transition, &id, Completed),
            go(&admin, way, &id, Inactive),
        );
        let (won, lost, to) = match (one, two) {
            (Ok(won), Err(lost)) => (won, lost, Inactive),
            (Err(lost), Ok(won)) => (won, lost, Completed),
            both => panic!("neither status leads to the other: {both:?}"),
        };
        assert_refused(&lost, won.status(), to, false);
        assert_eq!(admin.get(&id).await.expect("found"), won);
        let history = admin.history(&id).await.expect("told");
        assert_told(&won, &history);
        assert_eq!(history.len(), 2);
    }
}
