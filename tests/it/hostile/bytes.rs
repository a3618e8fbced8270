//! Bytes that are no message, too many of them, and methods that are not there.

use std::future::poll_fn;

use http_body_util::Full;
use nvito_clients::grpc::proto::{ClientPatch, CreateClientRequest, UpdateClientRequest};
use prost::Message;
use prost_types::FieldMask;
use tonic::codegen::{Bytes, Service, http};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::is_no_fault_of_ours;
use crate::support::{App, Failure, client, nobody};

const CREATE: &str = "nvito.clients.v1.ClientService/CreateClient";

/// Posts `body` as it is, without a frame around it.
async fn post(app: &App, content_type: &str, body: &[u8]) -> Failure {
    let mut channel = app.channel();
    let request = http::Request::post(format!("http://{}/{CREATE}", app.address))
        .header("content-type", content_type)
        .header("te", "trailers")
        .header("x-user-id", nobody())
        .header("x-role", "SUPER_ADMIN")
        .body(tonic::body::Body::new(Full::new(Bytes::copy_from_slice(
            body,
        ))));
    poll_fn(|cx| channel.poll_ready(cx)).await.expect("ready");
    let answer = channel.call(request.expect("a request")).await;
    let answer = answer.expect("an answer");
    let status = Status::from_header_map(answer.headers());
    status.expect("refused at once").into()
}

/// A frame that says it holds `length` bytes.
fn frame(flag: u8, length: u32, bytes: &[u8]) -> Vec<u8> {
    [&[flag], &length.to_be_bytes()[..], bytes].concat()
}

#[tokio::test]
async fn what_is_no_message_is_malformed() {
    let app = App::start().await;
    let actor = app.super_admin();
    let before = app.contents().await;
    let whole = client("Ana").encode_to_vec();
    let malformed = [
        whole[..whole.len() - 1].to_vec(),        // cut
        vec![0xff; 64],                           // no tag
        vec![0x08, 0x01],                         // a number where a text belongs
        vec![0x12, 0xff, 0xff, 0xff, 0xff, 0x0f], // a length without bytes
        [0xc3, 0x3e].repeat(200),                 // groups in groups
        vec![0x07],                               // a wire type there is not
    ];
    for bytes in malformed {
        let refused = actor.raw(CREATE, bytes.clone()).await;
        let refused = refused.expect_err(&format!("{bytes:?}"));
        refused.violates(&[("", "MALFORMED_MESSAGE")]);
    }
    assert_eq!(app.contents().await, before);
    // A field that is not known is no mistake.
    let named = CreateClientRequest {
        organization_id: app.org("Propia").await.id,
        ..client("Ana")
    };
    let unknown = [named.encode_to_vec(), vec![0xc2, 0x3e, 0x01, 0x00]].concat();
    actor.raw(CREATE, unknown).await.expect("created");
}

#[tokio::test]
async fn what_is_no_frame_is_malformed() {
    let app = App::start().await;
    let frames = [
        Vec::new(),            // nothing
        frame(0, 100, b"abc"), // cut
        vec![0, 0],            // cut in its head
        frame(1, 3, b"abc"),   // compressed, with what?
        frame(7, 3, b"abc"),   // no such flag
    ];
    for frame in frames {
        let refused = post(&app, "application/grpc", &frame).await;
        refused.violates(&[("", "MALFORMED_MESSAGE")]);
    }
    // Two messages where one belongs: the first is the call.
    let twice = [frame(0, 0, b""), frame(0, 0, b"")].concat();
    is_no_fault_of_ours(&post(&app, "application/grpc", &twice).await);
    // An empty message is one.
    let refused = post(&app, "application/grpc", &frame(0, 0, b"")).await;
    refused.violates(&[("organization_id", "REQUIRED"), ("name", "REQUIRED")]);
}

#[tokio::test]
async fn a_message_holds_64_kib_at_most() {
    let app = App::start().await;
    let actor = app.super_admin();
    for size in [64 * 1024 + 1, 1 << 20, 5 << 20] {
        let refused = actor.raw(CREATE, vec![0; size]).await;
        let refused = refused.expect_err("too large");
        refused.is(Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    }
    let mut request = CreateClientRequest {
        organization_id: app.org("Propia").await.id,
        ..client("")
    };
    let room = 64 * 1024 - request.encoded_len() - 4;
    request.name = "a".repeat(room);
    assert_eq!(request.encoded_len(), 64 * 1024);
    let refused = actor.create(request).await.expect_err("too long");
    refused.violates(&[("name", "TOO_LONG")]);
}

#[tokio::test]
async fn a_method_that_is_not_there_is_unimplemented() {
    let app = App::start().await;
    for method in [
        "nvito.clients.v1.ClientService/DropClients",
        "nvito.clients.v1.ClientService/createClient",
        "nvito.clients.v1.ClientService/",
        "nvito.clients.v2.ClientService/CreateClient",
        "Nobody/Nothing",
        "x",
    ] {
        let refused = app.super_admin().raw(method, Vec::new()).await;
        let refused = refused.expect_err(method);
        refused.is(Code::Unimplemented, "METHOD_NOT_FOUND");
    }
}

#[tokio::test]
async fn violations_are_cut_to_what_a_header_can_carry() {
    let app = App::start().await;
    let (actor, id) = (app.super_admin(), nobody());
    let with_mask = async |path: &str| {
        let request = UpdateClientRequest {
            id: id.clone(),
            client: Some(ClientPatch::default()),
            update_mask: Some(FieldMask {
                paths: vec![path.to_owned(); 1000],
            }),
            ..UpdateClientRequest::default()
        };
        actor.update(request).await.expect_err("no such path")
    };
    for (path, reason) in [
        ("etag", "READ_ONLY_FIELD"),
        ("'; DROP TABLE clients; --", "UNKNOWN_FIELD"),
    ] {
        let refused = with_mask(path).await;
        refused.is(Code::InvalidArgument, "VALIDATION_FAILED");
        let (field, first) = &refused.violations[0];
        assert_eq!(
            (field.as_str(), first.as_str()),
            ("update_mask.paths[0]", reason)
        );
        assert!(refused.violations.len() <= 16);
        let size = refused.status.details().len();
        assert!(size <= 4096, "{size}");
        assert!(refused.message.len() <= 512);
        assert!(refused.details.request_info().is_some());
    }
    assert_eq!(with_mask("etag").await.violations.len(), 16);
}

#[tokio::test]
async fn every_field_wrong_at_once_is_told_at_once() {
    let app = App::start().await;
    let long = || Some("ñ".repeat(2001));
    let request = CreateClientRequest {
        organization_id: "1".to_owned(),
        name: String::new(),
        email: long(),
        phone: long(),
        r#type: 99,
        status: 99,
        rfc: long(),
        business_name: long(),
        billing_address: long(),
        acquisition_source: 99,
        acquisition_detail: long(),
        notes: long(),
        assigned_to_id: long(),
        request_id: "1".to_owned(),
        validate_only: false,
    };
    let refused = app.super_admin().create(request).await;
    let refused = refused.expect_err("nothing of it is right");
    refused.violates(&[
        ("organization_id", "INVALID_UUID"),
        ("name", "REQUIRED"),
        ("email", "TOO_LONG"),
        ("phone", "TOO_LONG"),
        ("type", "INVALID_ENUM"),
        ("status", "INVALID_ENUM"),
        ("rfc", "RFC_INVALID_FORMAT"),
        ("business_name", "TOO_LONG"),
        ("billing_address", "TOO_LONG"),
        ("acquisition_source", "INVALID_ENUM"),
        ("acquisition_detail", "TOO_LONG"),
        ("notes", "TOO_LONG"),
        ("assigned_to_id", "INVALID_UUID"),
        ("request_id", "INVALID_UUID"),
    ]);
    assert!(refused.status.details().len() <= 4096);
    assert!(refused.status.get_details_bad_request().is_some());
}

#[tokio::test]
async fn look_alikes_are_no_rfc() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let actor = own.platform_admin();
    let made = actor.create(client("Ana")).await.expect("created");
    let before = app.contents().await;
    for rfc in [
        "EKU٩٠٠٣١٧٣C9",
        "EKU９００３１７３C9",
        "ＥＫＵ9003173C9",
        "ſKU9003173C9",
        "ΕKU9003173C9",
        "EKU9003173C9\0",
        "🎉KU9003173C9",
    ] {
        let rfc = Some(rfc.to_owned());
        let new = CreateClientRequest {
            rfc: rfc.clone(),
            ..client("Ana")
        };
        let refused = actor.create(new).await.expect_err("no RFC");
        refused.violates(&[("rfc", "RFC_INVALID_FORMAT")]);
        let patch = ClientPatch {
            rfc,
            ..ClientPatch::default()
        };
        let refused = actor.patch(&made.id, patch).await.expect_err("no RFC");
        refused.violates(&[("client.rfc", "RFC_INVALID_FORMAT")]);
    }
    assert_eq!(app.contents().await, before);
}
