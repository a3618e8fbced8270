//! `request_id` where it counts: of the same write made many times at once, one
//! is carried out, and its history names the call.

use nvito_clients::grpc::proto::{
    ClientPatch, ClientStatus, CreateClientRequest, DeleteClientRequest, ReassignClientsRequest,
    TransitionClientRequest, UndeleteClientRequest, UpdateClientRequest,
};
use prost::Message;
use tonic::Code;

use crate::support::{Actor, App, Failure, Org, at_once, client, nobody, patiently};

const TWINS: usize = 64;

/// A method, who calls it, and its message by request id and body.
struct Write {
    method: &'static str,
    actor: Actor,
    message: Bytes,
}

type Bytes = Box<dyn Fn(&str, Body) -> Vec<u8>>;

#[derive(Clone, Copy)]
enum Body {
    Same,
    Other,
}

impl Body {
    fn pick(self, same: &str, other: &str) -> String {
        match self {
            Self::Same => same.to_owned(),
            Self::Other => other.to_owned(),
        }
    }
}

impl Write {
    fn new<M: Message>(
        method: &'static str,
        actor: &Actor,
        message: impl Fn(&str, Body) -> M + 'static,
    ) -> Self {
        Self {
            method,
            actor: actor.clone(),
            message: Box::new(move |id, body| message(id, body).encode_to_vec()),
        }
    }

    async fn perform(&self, actor: &Actor, id: &str, body: Body) -> Result<Vec<u8>, Failure> {
        raw(actor, self.method, (self.message)(id, body)).await
    }
}

async fn raw(actor: &Actor, method: &str, message: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let method = format!("nvito.clients.v1.ClientService/{method}");
    Ok(actor.raw(&method, message).await?.into_inner())
}

/// Every write that takes a request id and concerns one client of its own, made
/// here: each can be carried out once.
async fn writes(app: &App, org: &Org<'_>) -> Vec<Write> {
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let (from, to) = (org.member("Ana").await, org.member("Eva").await);
    let make = async |name: &str, assignee: Option<&String>| {
        let new = CreateClientRequest {
            assigned_to_id: assignee.cloned(),
            ..client(name)
        };
        admin.create(new).await.expect("created").id
    };
    let (changed, moved, gone) = (
        make("Cambia", None).await,
        make("Avanza", None).await,
        make("Se va", None).await,
    );
    let back = make("Vuelve", None).await;
    root.delete(&back).await.expect("deleted");
    make("Pasa", Some(&from)).await;

    let (other, organization) = (moved.clone(), org.id.clone());
    vec![
        Write::new("CreateClient", &admin, move |id, body| {
            CreateClientRequest {
                request_id: id.to_owned(),
                ..client(&body.pick("una", "otra"))
            }
        }),
        Write::new("UpdateClient", &admin, move |id, body| {
            let patch = ClientPatch {
                notes: Some(body.pick("una", "otra") + id),
                ..ClientPatch::default()
            };
            UpdateClientRequest {
                id: changed.clone(),
                client: Some(patch),
                request_id: id.to_owned(),
                ..UpdateClientRequest::default()
            }
        }),
        Write::new("TransitionClient", &admin, move |id, body| {
            TransitionClientRequest {
                id: moved.clone(),
                target_status: ClientStatus::Active.into(),
                reason: body.pick("una", "otra"),
                request_id: id.to_owned(),
                ..TransitionClientRequest::default()
            }
        }),
        Write::new("ReassignClients", &admin, move |id, body| {
            ReassignClientsRequest {
                from_user_id: from.clone(),
                to_user_id: body.pick(&to, ""),
                unassign: matches!(body, Body::Other),
                organization_id: organization.clone(),
                request_id: id.to_owned(),
                validate_only: false,
            }
        }),
        Write::new("DeleteClient", &root, move |id, body| DeleteClientRequest {
            id: body.pick(&gone, &other),
            request_id: id.to_owned(),
            ..DeleteClientRequest::default()
        }),
        Write::new("UndeleteClient", &root, move |id, body| {
            UndeleteClientRequest {
                id: body.pick(&back, &nobody()),
                request_id: id.to_owned(),
            }
        }),
    ]
}

/// How many entries histories have, and versions clients.
async fn written(app: &App) -> (i64, i64) {
    (
        app.count("SELECT count(*) FROM client_history").await,
        app.count("SELECT sum(version)::bigint FROM clients").await,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn twins_write_once_and_hear_the_same() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    for write in writes(&app, &org).await {
        let (method, id) = (write.method, nobody());
        let (entries, versions) = written(&app).await;
        let calls = (0..TWINS).map(|_| {
            let (actor, message) = (write.actor.clone(), (write.message)(&id, Body::Same));
            async move { patiently(|| raw(&actor, method, message.clone())).await }
        });
        let answers = at_once(calls).await;
        let mut answers: Vec<_> = answers
            .into_iter()
            .map(|answer| answer.expect(method))
            .collect();
        answers.dedup();
        assert_eq!(answers.len(), 1, "{method}: all twins hear the same");
        assert_eq!(written(&app).await, (entries + 1, versions + 1), "{method}");

        // The answer stays what it was, whatever has become of the client.
        app.execute("UPDATE clients SET notes = 'entretanto'").await;
        let before = app.contents().await;
        let again = write.perform(&write.actor, &id, Body::Same).await;
        assert_eq!(again.expect(method), answers[0], "{method}");
        let reused = write.perform(&write.actor, &id, Body::Other).await;
        let reused = reused.expect_err("another body");
        reused.is(Code::InvalidArgument, "REQUEST_ID_REUSED");
        assert_eq!(reused.violations[0].0, "request_id", "{method}");
        assert_eq!(app.contents().await, before, "{method}");
    }
}

#[tokio::test]
async fn a_history_names_the_call() {
    let app = App::start().await;
    let named = async |call: &str| {
        let entries = format!("SELECT count(*) FROM client_history WHERE request_id = '{call}'");
        app.count(&entries).await
    };
    for body in ["", &nobody()] {
        let org = app.org("Norte").await;
        for (number, write) in (0..).zip(writes(&app, &org).await) {
            let of_metadata = format!("llamada-{number}-{body}");
            let actor = write.actor.clone().saying("x-request-id", &of_metadata);
            let id = if body.is_empty() {
                String::new()
            } else {
                nobody()
            };
            let answer = write.perform(&actor, &id, Body::Same).await;
            answer.expect(write.method);
            let (by_body, by_metadata) = (named(&id).await, named(&of_metadata).await);
            let expected = if id.is_empty() { (0, 1) } else { (1, 0) };
            assert_eq!((by_body, by_metadata), expected, "{}", write.method);
        }
    }
}
