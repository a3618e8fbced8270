//! Failures of the database, each really provoked, and the way back.

use std::time::{Duration, Instant};

use nvito_clients::domain::principal::Policy;
use nvito_clients::grpc::proto::{
    ClientPatch, CreateClientRequest, GetClientRequest, ListClientsRequest,
};
use prost::Message;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tonic::codegen::http::{self, HeaderMap};
use tonic::{Code, Status};

use super::{is, notes};
use crate::layers::waiting;
use crate::support::{App, BUSY, Cluster, SHARE, client, nobody};

/// What the service's role may not do: makes a function whose work is `body`
/// run before each insert of a client.
fn before_insert(body: &str) -> String {
    format!(
        "CREATE FUNCTION provoke() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
         BEGIN {body} RETURN NEW; END $$;
         CREATE TRIGGER provoke BEFORE INSERT ON clients FOR EACH ROW EXECUTE FUNCTION provoke()"
    )
}

#[tokio::test]
async fn a_row_that_somebody_holds_is_a_lock_timeout() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let actor = own.platform_admin();
    let made = actor.create(client("Ana")).await.expect("created");
    let holder = app.superuser().await;
    let hold = format!(
        "BEGIN; SELECT FROM clients WHERE id = '{}' FOR UPDATE",
        made.id
    );
    holder.batch_execute(&hold).await.expect("held");
    let refused = actor.patch(&made.id, notes("a")).await.expect_err("held");
    is(&refused, Code::Aborted, "LOCK_TIMEOUT");
    assert_eq!(
        actor.get(&made.id).await.expect("readers do not wait").etag,
        made.etag
    );
    holder.batch_execute("COMMIT").await.expect("released");
    actor.patch(&made.id, notes("a")).await.expect("free");
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_a_deadline_exceeded() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    // Ten seconds are too long for a test: the first statement of the
    // transaction leaves the next one less.
    let sooner = before_insert("PERFORM pg_sleep(5);")
        + "; ALTER POLICY tenant ON organization_members
           USING (set_config('statement_timeout', '200', true) IS NOT NULL)";
    let assignee = own.member("Eva").await;
    app.superuser()
        .await
        .batch_execute(&sooner)
        .await
        .expect("made");
    let new = CreateClientRequest {
        assigned_to_id: Some(assignee),
        request_id: nobody(),
        ..client("Ana")
    };
    let refused = own
        .platform_admin()
        .create(new)
        .await
        .expect_err("too long");
    is(&refused, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    assert_eq!(app.count("SELECT count(*) FROM clients").await, 0);
    assert_eq!(
        app.count("SELECT count(*) FROM idempotent_requests").await,
        0
    );
}

/// Asks for a client and says how long that may take; tonic's own client would
/// not wait for the answer.
async fn get_within(app: &App, id: &str, timeout: &str) -> HeaderMap {
    let stream = TcpStream::connect(app.address).await.expect("it accepts");
    let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let uri = format!(
        "http://{}/nvito.clients.v1.ClientService/GetClient",
        app.address
    );
    let request = http::Request::post(uri)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", timeout)
        .header("x-user-id", nobody())
        .header("x-role", "SUPER_ADMIN")
        .body(())
        .expect("a request");
    let mut client = client.ready().await.expect("ready");
    let (answer, mut body) = client.send_request(request, false).expect("sent");
    let request = GetClientRequest {
        id: id.to_owned(),
        show_deleted: false,
    };
    let length = u8::try_from(request.encoded_len()).expect("short");
    let frame = [&[0, 0, 0, 0, length], &request.encode_to_vec()[..]].concat();
    body.send_data(frame.into(), true).expect("sent");
    answer.await.expect("an answer").into_parts().0.headers
}

#[tokio::test]
async fn the_callers_deadline_is_kept() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let made = own.platform_admin().create(client("Ana")).await;
    let made = made.expect("created");
    let holder = app.superuser().await;
    let hold = "BEGIN; LOCK TABLE clients";
    holder.batch_execute(hold).await.expect("held");
    for timeout in ["50m", "50000u", "0S", "1n"] {
        let headers = get_within(&app, &made.id, timeout).await;
        let failure = Status::from_header_map(&headers).expect("a failure");
        is(&failure.into(), Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    }
    holder.batch_execute("COMMIT").await.expect("released");
    for timeout in ["10S", "99999999H", "1", "soon", "-1S"] {
        let headers = get_within(&app, &made.id, timeout).await;
        assert!(Status::from_header_map(&headers).is_none(), "{timeout}");
    }
}

#[tokio::test]
async fn a_deadlock_is_tried_again() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let member = own.member("Eva").await;
    let actor = own.platform_admin();
    let made = actor.create(client("Ana")).await.expect("created");
    let rival = app.superuser().await;
    // Whoever looks first is the victim: that shall be the service.
    let hold = format!(
        "SET deadlock_timeout = '1min'; BEGIN;
         SELECT FROM organization_members WHERE user_id = '{member}' FOR UPDATE"
    );
    rival.batch_execute(&hold).await.expect("held");
    let assign = ClientPatch {
        assigned_to_id: Some(member.clone()),
        ..ClientPatch::default()
    };
    let ours = async { actor.patch(&made.id, assign).await.expect("tried again") };
    let theirs = async {
        waiting(&app, 1).await;
        let cross = format!(
            "SELECT FROM clients WHERE id = '{}' FOR UPDATE; COMMIT",
            made.id
        );
        rival.batch_execute(&cross).await.expect("the survivor");
    };
    let (client, ()) = tokio::join!(ours, theirs);
    assert_eq!(client.assigned_to.expect("assigned").id, member);
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let counted = async {
        while app.count(deadlocks).await == 0 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(10), counted)
        .await
        .expect("there was one");
}

#[tokio::test]
async fn a_conflict_is_tried_three_times_more() {
    for (conflicts, fine) in [(3, true), (4, false)] {
        let app = App::start().await;
        let own = app.org("Propia").await;
        let provoke = before_insert(&format!(
            "IF nextval('attempts') <= {conflicts} THEN
                RAISE EXCEPTION 'canario %', NEW.name USING ERRCODE = '40001';
             END IF;"
        ));
        let provoke = format!("CREATE SEQUENCE attempts; {provoke}");
        app.superuser()
            .await
            .batch_execute(&provoke)
            .await
            .expect("made");
        let answer = own.platform_admin().create(client("canario")).await;
        assert_eq!(app.count("SELECT last_value FROM attempts").await, 4);
        assert_eq!(
            app.count("SELECT count(*) FROM clients").await,
            i64::from(fine)
        );
        if fine {
            answer.expect("the fourth");
        } else {
            is(
                &answer.expect_err("enough"),
                Code::Aborted,
                "TRANSACTION_CONFLICT",
            );
        }
    }
}

#[tokio::test]
async fn without_a_free_connection_it_is_overloaded() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let actor = own.platform_admin();
    let made = actor.create(client("Ana")).await.expect("created");
    let holder = app.superuser().await;
    let hold = format!(
        "BEGIN; SELECT FROM clients WHERE id = '{}' FOR UPDATE",
        made.id
    );
    holder.batch_execute(&hold).await.expect("held");
    let calls: Vec<_> = (0..SHARE)
        .map(|call| {
            let (actor, id) = (actor.clone(), made.id.clone());
            tokio::spawn(async move { actor.patch(&id, notes(&call.to_string())).await })
        })
        .collect();
    waiting(&app, i64::try_from(SHARE).expect("few")).await;
    let began = Instant::now();
    let list = actor.list(ListClientsRequest::default()).await;
    let refused = list.expect_err("none is free");
    is(&refused, Code::ResourceExhausted, "SERVER_OVERLOADED");
    assert!(
        began.elapsed() < Duration::from_millis(300) + BUSY,
        "{:?}",
        began.elapsed()
    );
    // Who floods waits for itself: there is a turn for everybody else.
    let other = app.org("Ajena").await.platform_admin();
    other.create(client("Eva")).await.expect("its turn");
    holder.batch_execute("COMMIT").await.expect("released");
    for call in calls {
        if let Err(failure) = call.await.expect("no panic") {
            is(&failure, Code::Aborted, "LOCK_TIMEOUT");
        }
    }
    actor.get(&made.id).await.expect("free again");
}

#[tokio::test]
async fn what_nobody_foresaw_is_internal_and_says_nothing() {
    for provoke in [
        before_insert("RAISE EXCEPTION 'canario %', NEW.name;"),
        "ALTER TABLE clients ADD CONSTRAINT canario CHECK (name <> 'canario')".to_owned(),
        "REVOKE INSERT ON clients FROM nvito_clients_tenant".to_owned(),
        "ALTER TABLE clients RENAME COLUMN name TO canario".to_owned(),
    ] {
        let app = App::on(Cluster::get().database().await, Policy::default()).await;
        let own = app.org("Propia").await;
        app.superuser()
            .await
            .batch_execute(&provoke)
            .await
            .expect(&provoke);
        let refused = own.platform_admin().create(client("canario")).await;
        let refused = refused.expect_err(&provoke);
        is(&refused, Code::Internal, "INTERNAL");
        assert_eq!(refused.metadata["error_id"].len(), 36);
        assert_eq!(refused.metadata.len(), 1);
        assert_eq!(app.count("SELECT count(*) FROM clients").await, 0);
    }
}
