//! A caller that knows nothing but the address: what there is it learns by
//! reflection, and then uses it.

use std::collections::BTreeSet;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, Value};
use tonic::codegen::tokio_stream;
use tonic::{Code, Request, Status};
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use crate::support::{Actor, App, Bytes, Failure};

const CLIENTS: &str = "nvito.clients.v1.ClientService";
const SERVICES: [&str; 3] = [
    CLIENTS,
    "nvito.clients.v1.DirectoryService",
    "nvito.clients.v1.EventService",
];

/// Asks the reflection service of a version.
async fn ask(
    app: &App,
    version: &str,
    message_request: MessageRequest,
) -> Result<MessageResponse, Status> {
    let asked = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(message_request),
    };
    let method = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
    let mut client = tonic::client::Grpc::new(app.channel());
    client.ready().await.expect("a connection");
    let asked = Request::new(tokio_stream::once(asked.encode_to_vec()));
    let path = method.parse().expect("a path");
    let mut answers = client.streaming(asked, path, Bytes).await?.into_inner();
    let answer = answers.message().await?.expect("an answer");
    let answer = ServerReflectionResponse::decode(answer.as_slice()).expect("a message");
    Ok(answer.message_response.expect("an answer"))
}

async fn services(app: &App, version: &str) -> BTreeSet<String> {
    let listed = ask(app, version, MessageRequest::ListServices(String::new())).await;
    let MessageResponse::ListServicesResponse(list) = listed.expect("listed") else {
        panic!("a list");
    };
    list.service
        .into_iter()
        .map(|service| service.name)
        .collect()
}

/// The files that define a symbol and all they import.
async fn describe(app: &App, pool: &mut DescriptorPool, symbol: &str) {
    let asked = MessageRequest::FileContainingSymbol(symbol.to_owned());
    let found = ask(app, "v1", asked).await.expect(symbol);
    let MessageResponse::FileDescriptorResponse(found) = found else {
        panic!("{symbol}: {found:?}");
    };
    let mut files = Vec::new();
    let mut left: Vec<_> = found
        .file_descriptor_proto
        .iter()
        .map(|file| decode(file))
        .collect();
    while let Some(file) = left.pop() {
        for import in &file.dependency {
            let asked = MessageRequest::FileByFilename(import.clone());
            let found = ask(app, "v1", asked).await.expect(import);
            if let MessageResponse::FileDescriptorResponse(found) = found {
                left.extend(found.file_descriptor_proto.iter().map(|file| decode(file)));
            }
        }
        files.push(file);
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files.dedup_by(|a, b| a.name == b.name);
    pool.add_file_descriptor_protos(files).expect("whole");
}

fn decode(file: &[u8]) -> prost_types::FileDescriptorProto {
    prost_types::FileDescriptorProto::decode(file).expect("a file")
}

/// A service of which only the descriptors are known.
pub(crate) struct Stranger {
    actor: Actor,
    methods: Vec<MethodDescriptor>,
}

impl Stranger {
    pub(crate) async fn new(app: &App, actor: Actor) -> Self {
        let mut pool = DescriptorPool::new();
        let mut methods = Vec::new();
        for service in SERVICES {
            describe(app, &mut pool, service).await;
            let service = pool.get_service_by_name(service).expect("described");
            methods.extend(service.methods());
        }
        Self { actor, methods }
    }

    fn method(&self, name: &str) -> &MethodDescriptor {
        let found = self.methods.iter().find(|method| method.name() == name);
        found.expect("described")
    }

    pub(crate) fn request(&self, method: &str, fields: &[(&str, Value)]) -> DynamicMessage {
        let mut request = DynamicMessage::new(self.method(method).input());
        for (name, value) in fields {
            request.set_field_by_name(name, value.clone());
        }
        request
    }

    pub(crate) async fn call(
        &self,
        method: &str,
        fields: &[(&str, Value)],
    ) -> Result<DynamicMessage, Failure> {
        self.send(method, &self.request(method, fields)).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        request: &DynamicMessage,
    ) -> Result<DynamicMessage, Failure> {
        let method = self.method(method);
        let path = format!("{}/{}", method.parent_service().full_name(), method.name());
        let answer = self.actor.raw(&path, request.encode_to_vec()).await?;
        Ok(
            DynamicMessage::decode(method.output(), answer.get_ref().as_slice())
                .expect("a message"),
        )
    }
}

pub(crate) fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

pub(crate) fn field(message: &DynamicMessage, path: &str) -> Value {
    let (first, rest) = path
        .split_once('.')
        .map_or((path, None), |(a, b)| (a, Some(b)));
    let value = message.get_field_by_name(first).expect(first).into_owned();
    match (rest, value) {
        (Some(rest), Value::Message(inner)) => field(&inner, rest),
        (_, value) => value,
    }
}

#[tokio::test]
async fn both_versions_list_the_services() {
    let app = App::start().await;
    for version in ["v1", "v1alpha"] {
        let services = services(&app, version).await;
        for service in SERVICES.into_iter().chain(["grpc.health.v1.Health"]) {
            assert!(services.contains(service), "{version}: {services:?}");
        }
    }
}

#[tokio::test]
async fn what_stands_in_an_error_can_be_looked_up() {
    let app = App::start().await;
    let mut pool = DescriptorPool::new();
    for (file, symbols) in [
        (
            "google.rpc",
            &[
                "ErrorInfo",
                "BadRequest",
                "RequestInfo",
                "LocalizedMessage",
                "RetryInfo",
                "PreconditionFailure",
                "ResourceInfo",
            ][..],
        ),
        ("nvito.clients.v1", &["Client", "ListClientsResponse"]),
        ("grpc.health.v1", &["HealthCheckResponse"]),
    ] {
        for symbol in symbols {
            let symbol = format!("{file}.{symbol}");
            describe(&app, &mut pool, &symbol).await;
            assert!(pool.get_message_by_name(&symbol).is_some(), "{symbol}");
        }
    }
    describe(&app, &mut pool, "nvito.clients.v1.ErrorReason").await;
    let reasons = pool.get_enum_by_name("nvito.clients.v1.ErrorReason");
    assert!(reasons.expect("described").values().len() > 40);

    let stranger = Stranger::new(&app, app.super_admin()).await;
    let failure = stranger.call("GetClient", &[]).await.expect_err("no id");
    let status = tonic_types::Status::decode(failure.status.details()).expect("a status");
    for detail in status.details {
        let name = detail.type_url.rsplit('/').next().expect("a name");
        let message = pool.get_message_by_name(name).expect(name);
        let read = DynamicMessage::decode(message, detail.value.as_slice()).expect(name);
        assert_eq!(read.unknown_fields().count(), 0, "{name}");
    }
    let absent = MessageRequest::FileContainingSymbol("nvito.clients.v1.Nothing".to_owned());
    let absent = ask(&app, "v1", absent).await.expect_err("no such symbol");
    assert_eq!(absent.code(), Code::NotFound);
}

#[tokio::test]
async fn a_stranger_keeps_a_client() {
    let app = App::start().await;
    let organization = app.org("Propia").await.id;
    let stranger = Stranger::new(&app, app.super_admin()).await;
    let new = [
        ("organization_id", text(&organization)),
        ("name", text("Sofía Núñez")),
        ("email", text("sofia@example.com")),
        ("type", Value::EnumNumber(1)),
    ];
    let made = stranger.call("CreateClient", &new).await.expect("created");
    let id = field(&made, "client.id");
    assert_eq!(field(&made, "client.status"), Value::EnumNumber(1));

    let listed = stranger
        .call("ListClients", &[("search", text("nunez"))])
        .await;
    let listed = listed.expect("listed");
    assert_eq!(field(&listed, "meta.total"), Value::I64(1));
    let Value::List(clients) = field(&listed, "clients") else {
        panic!("a list");
    };
    let first = clients[0].as_message().expect("a client");
    assert_eq!(field(first, "name"), text("Sofía Núñez"));

    let mut change = stranger.request("UpdateClient", &[("id", id.clone())]);
    let patch = change.get_field_by_name_mut("client").expect("a field");
    let patch = patch.as_message_mut().expect("a message");
    patch.set_field_by_name("notes", text("visto"));
    let changed = stranger.send("UpdateClient", &change).await;
    let changed = changed.expect("changed");
    assert_eq!(field(&changed, "client.notes"), text("visto"));
    assert_eq!(field(&changed, "client.email"), text("sofia@example.com"));

    stranger
        .call("DeleteClient", &[("id", id.clone())])
        .await
        .expect("deleted");
    let gone = stranger.call("GetClient", &[("id", id)]).await;
    gone.expect_err("deleted")
        .is(Code::NotFound, "CLIENT_NOT_FOUND");
}

#[tokio::test]
async fn reflection_can_be_switched_off() {
    let app = App::without_reflection().await;
    for version in ["v1", "v1alpha"] {
        let listed = ask(&app, version, MessageRequest::ListServices(String::new())).await;
        let refused = Failure::from(listed.expect_err("switched off"));
        refused.is(Code::Unimplemented, "METHOD_NOT_FOUND");
    }
    app.org("The rest goes on").await;
}
