//! The log: one JSON object a line, every call, and nothing of what callers say.

use std::time::Duration;

use nix::sys::signal::Signal;
use nvito_clients::grpc::proto::{ClientPatch, CreateClientRequest, ListClientsRequest};
use serde_json::Value;
use tonic::Code;

use super::a_client;
use crate::support::{Folder, Service, client};

/// Stands in everything that callers say.
const CANARY: &str = "canario";

#[tokio::test]
async fn every_call_is_logged_and_nothing_of_it_said() {
    let folder = Folder::used();
    let loudest = [("CLIENTS_LOG", "info,nvito_clients=trace")];
    let mut service = Service::start(&folder, &loudest);
    let root = service.super_admin().await;
    let id = a_client(&root).await;
    let organization_id = root.get(&id).await.expect("found").organization_id;
    let said = |request_id: &str| {
        root.clone()
            .saying("x-request-id", request_id)
            .saying("accept-language", CANARY)
            .saying("authorization", &format!("Bearer {CANARY}"))
            .saying("x-canary", CANARY)
    };
    let some = |text: &str| Some(format!("{CANARY}{text}"));
    let new = || CreateClientRequest {
        organization_id: organization_id.clone(),
        email: some("@example.com"),
        phone: some(""),
        business_name: some(""),
        billing_address: some(""),
        acquisition_detail: some(""),
        notes: some(""),
        ..client(CANARY)
    };
    said("created").create(new()).await.expect("created");
    let taken = said("taken").create(new()).await;
    taken
        .expect_err("taken")
        .is(Code::AlreadyExists, "CLIENT_EMAIL_TAKEN");
    let wrong = CreateClientRequest {
        rfc: some(""),
        email: some(""),
        request_id: CANARY.to_owned(),
        ..new()
    };
    let wrong = said("wrong").create(wrong).await;
    wrong
        .expect_err("wrong")
        .is(Code::InvalidArgument, "VALIDATION_FAILED");
    let list = ListClientsRequest {
        search: CANARY.to_owned(),
        ..ListClientsRequest::default()
    };
    let listed = said("listed").list(list).await.expect("listed");
    assert_eq!(listed.clients.len(), 1);
    // PostgreSQL quotes the whole row when a check fails.
    let check =
        "ALTER TABLE clients ADD CONSTRAINT unforeseen CHECK (notes NOT LIKE 'canario%') NOT VALID";
    folder
        .superuser()
        .await
        .batch_execute(check)
        .await
        .expect("added");
    let patch = ClientPatch {
        notes: some(""),
        ..ClientPatch::default()
    };
    let failed = said("failed")
        .patch(&id, patch)
        .await
        .expect_err("unforeseen");
    failed.is(Code::Internal, "INTERNAL");
    service.tell(Signal::SIGTERM);
    assert!(service.ends(Duration::from_secs(15)).await.success());

    let log = service.log();
    assert!(!log.to_lowercase().contains(CANARY), "{log}");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    calls_are_there(&lines);
    // The cause of what a caller only knows by number.
    let faults: Vec<_> = lines
        .iter()
        .filter(|line| line["level"] == "ERROR")
        .collect();
    let [fault] = faults[..] else {
        panic!("one fault: {faults:?}");
    };
    assert_eq!(fault["request_id"], "failed");
    assert_eq!(fault["error_id"], failed.metadata["error_id"]);
    let cause = fault["cause"].as_str().expect("a cause");
    assert!(cause.contains("unforeseen"), "{cause}");
}

fn calls_are_there(lines: &[Value]) {
    let has = |line: &Value, key: &str| line.get(key).is_some_and(Value::is_string);
    assert!(
        lines
            .iter()
            .all(|line| has(line, "timestamp") && has(line, "level"))
    );
    for (request_id, method, code) in [
        ("created", "CreateClient", "Ok"),
        ("taken", "CreateClient", "AlreadyExists"),
        ("wrong", "CreateClient", "InvalidArgument"),
        ("listed", "ListClients", "Ok"),
        ("failed", "UpdateClient", "Internal"),
    ] {
        let calls = lines
            .iter()
            .filter(|line| line["message"] == "call" && line["request_id"] == request_id);
        let [call] = calls.collect::<Vec<_>>()[..] else {
            panic!("{request_id} once: {lines:?}");
        };
        let path = format!("/nvito.clients.v1.ClientService/{method}");
        assert_eq!(call["method"], path);
        assert_eq!(call["code"], code);
        assert!(call["milliseconds"].is_number());
    }
}
