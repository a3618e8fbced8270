//! The fields of every request, found in the compiled descriptors, and requests
//! that are right but for one of them.

use nvito_clients::grpc::proto::{CreateClientRequest, FILE_DESCRIPTOR_SET};
use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MethodDescriptor, ReflectMessage, Value,
};
use tonic::Code;

use crate::support::{Actor, App, Failure, client, nobody};

/// A field of a request, by the way to it.
pub(crate) struct Field {
    pub(crate) method: MethodDescriptor,
    pub(crate) way: Vec<FieldDescriptor>,
}

impl Field {
    /// Every field of the requests that come alone, those of messages in them
    /// included.
    pub(crate) fn all() -> Vec<Self> {
        fn below(method: &MethodDescriptor, way: &[FieldDescriptor], all: &mut Vec<Field>) {
            let message = match way.last().map(FieldDescriptor::kind) {
                None => method.input(),
                Some(Kind::Message(message)) => message,
                Some(_) => {
                    let (method, way) = (method.clone(), way.to_vec());
                    return all.push(Field { method, way });
                }
            };
            for field in message.fields() {
                below(method, &[way, &[field]].concat(), all);
            }
        }
        let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("descriptors");
        let services = pool
            .services()
            .filter(|service| service.package_name() == "nvito.clients.v1");
        let mut all = Vec::new();
        for method in services.flat_map(|service| service.methods().collect::<Vec<_>>()) {
            if !method.is_client_streaming() && !method.is_server_streaming() {
                below(&method, &[], &mut all);
            }
        }
        all
    }

    pub(crate) fn texts() -> impl Iterator<Item = Self> {
        let all = Self::all().into_iter();
        all.filter(|field| matches!(field.last().kind(), Kind::String))
    }

    pub(crate) fn last(&self) -> &FieldDescriptor {
        self.way.last().expect("at least itself")
    }

    pub(crate) fn name(&self) -> &str {
        self.last().name()
    }

    /// Whether it is the id of something.
    pub(crate) fn is_id(&self) -> bool {
        self.name() == "id" || self.name().ends_with("_id")
    }

    /// As a violation names it.
    pub(crate) fn path(&self) -> String {
        let names: Vec<_> = self.way.iter().map(FieldDescriptor::name).collect();
        let index = if self.last().is_list() { "[0]" } else { "" };
        names.join(".") + index
    }

    /// Calls the method with a request that is right but for this field.
    pub(crate) async fn send(&self, rows: &Rows, value: Value) -> Result<(), Failure> {
        let request = rows.request(&self.method, Some((&self.way, value)));
        rows.send(&self.method, request.encode_to_vec()).await
    }

    pub(crate) async fn refused(&self, rows: &Rows, value: Value) -> Failure {
        let what = format!("{} {} {value:?}", self.method.full_name(), self.path());
        self.send(rows, value).await.expect_err(&what)
    }

    /// Asserts that the value is a violation at this field and nowhere else.
    pub(crate) async fn violates(&self, rows: &Rows, value: Value, reason: Option<&str>) {
        let failure = self.refused(rows, value).await;
        let [(path, found)] = &failure.violations[..] else {
            panic!("{} {}: {failure:?}", self.method.full_name(), self.path());
        };
        assert_eq!((failure.code, path), (Code::InvalidArgument, &self.path()));
        assert!(reason.is_none_or(|reason| reason == found), "{failure:?}");
    }
}

/// What right requests are about.
pub(crate) struct Rows {
    actor: Actor,
    organization: String,
    client: String,
    deleted: [String; 2],
    event: String,
}

impl Rows {
    pub(crate) async fn of(app: &App) -> Self {
        let org = app.org("Propia").await;
        let event = org.event("Boda").await;
        Self::at(app.super_admin(), org.id, event).await
    }

    /// Rows of an organization that has an event, as a Super Admin sees them.
    pub(crate) async fn at(actor: Actor, organization: String, event: String) -> Self {
        let new = CreateClientRequest {
            organization_id: organization.clone(),
            ..client("Ana")
        };
        let client = actor.create(new.clone()).await.expect("created").id;
        let mut deleted = [String::new(), String::new()];
        for id in &mut deleted {
            *id = actor.create(new.clone()).await.expect("created").id;
            actor.delete(id).await.expect("deleted");
        }
        Self {
            actor,
            organization,
            client,
            deleted,
            event,
        }
    }

    /// A right request with what must be there, but for `wrong`.
    pub(crate) fn request(
        &self,
        method: &MethodDescriptor,
        wrong: Option<(&[FieldDescriptor], Value)>,
    ) -> DynamicMessage {
        let mut request = DynamicMessage::new(method.input());
        self.fill(&mut request, method);
        if let Some((way, value)) = wrong {
            put(&mut request, way, value);
        }
        request
    }

    fn fill(&self, message: &mut DynamicMessage, method: &MethodDescriptor) {
        let service = method.parent_service();
        for field in message.descriptor().fields() {
            let value = match field.name() {
                "id" if method.name() == "UndeleteClient" => text(&self.deleted[0]),
                "id" if method.name() == "PurgeClient" => text(&self.deleted[1]),
                "id" if service.name() == "EventService" => text(&self.event),
                "event_id" => text(&self.event),
                "client_id" => text(&self.client),
                "target_status" => Value::EnumNumber(1),
                "query" => text("ana"),
                "rfc" if method.name() == "ValidateFiscalData" => text("EKU9003173C9"),
                "organization_id" => text(&self.organization),
                "id" if service.name() == "ClientService" => text(&self.client),
                "id" | "user_id" | "from_user_id" => text(nobody()),
                "name" | "first_name" => text("Ana"),
                "validate_only" | "unassign" => Value::Bool(true),
                "user" | "client" => {
                    let inner = message.get_field_mut(&field).as_message_mut();
                    self.fill(inner.expect("a message"), method);
                    continue;
                }
                _ => continue,
            };
            message.set_field(&field, value);
        }
    }

    pub(crate) async fn send(
        &self,
        method: &MethodDescriptor,
        message: Vec<u8>,
    ) -> Result<(), Failure> {
        let path = format!("{}/{}", method.parent_service().full_name(), method.name());
        self.actor.raw(&path, message).await.map(drop)
    }
}

fn put(message: &mut DynamicMessage, way: &[FieldDescriptor], value: Value) {
    match way {
        [last] if last.is_list() => message.set_field(last, Value::List(vec![value])),
        [last] => message.set_field(last, value),
        [first, rest @ ..] => {
            let inner = message.get_field_mut(first).as_message_mut();
            put(inner.expect("a message"), rest, value);
        }
        [] => {}
    }
}

pub(crate) fn text(text: impl Into<String>) -> Value {
    Value::String(text.into())
}
