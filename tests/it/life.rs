//! The life of one client from beginning to end, as a caller sees it who knows
//! nothing but the address.

use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use tonic::Code;

use crate::reflection::{Stranger, field, text};
use crate::support::{App, nobody};

/// An entry as a stranger reads it: kind, reason, and of each change the
/// field, what was before and what is after.
type Told = (String, Option<String>, Vec<[Option<String>; 3]>);

fn told(kind: &str, reason: Option<&str>, changes: &[[&str; 3]]) -> Told {
    // In the lists of the test, a dash stands where there is no value.
    let value = |value: &str| (value != "-").then(|| value.to_owned());
    let changes = changes.iter().map(|change| change.map(value)).collect();
    (kind.to_owned(), reason.map(str::to_owned), changes)
}

fn optional(message: &DynamicMessage, name: &str) -> Option<String> {
    let set = message.has_field_by_name(name);
    set.then(|| string(&field(message, name)))
}

fn string(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn list(message: &DynamicMessage, name: &str) -> Vec<DynamicMessage> {
    let Value::List(values) = field(message, name) else {
        panic!("{name} is no list");
    };
    let message = |value: Value| value.as_message().expect("a message").clone();
    values.into_iter().map(message).collect()
}

fn read(entry: &DynamicMessage) -> Told {
    let descriptor = entry.descriptor();
    let kind = descriptor.get_field_by_name("kind").expect("described");
    let kind = kind.kind();
    let kinds = kind.as_enum().expect("an enum");
    let number = field(entry, "kind").as_enum_number().expect("a number");
    let kind = kinds
        .get_value(number)
        .expect("described")
        .name()
        .to_owned();
    let kind = kind.replace("CLIENT_HISTORY_KIND_", "");
    let changes = list(entry, "changes");
    let change =
        |change: &DynamicMessage| ["field", "before", "after"].map(|name| optional(change, name));
    (
        kind,
        optional(entry, "reason"),
        changes.iter().map(change).collect(),
    )
}

/// Who walks: what they know of the client, and what they expect to be told.
struct Walk {
    actor: String,
    stranger: Stranger,
    organization: String,
    id: String,
    expected: Vec<Told>,
}

impl Walk {
    async fn call(&self, method: &str, fields: &[(&str, Value)]) -> DynamicMessage {
        let answer = self.stranger.call(method, fields).await;
        answer.unwrap_or_else(|failure| panic!("{method}: {failure:?}"))
    }

    /// Calls a method with the client's id, and is told so afterwards.
    async fn step(&mut self, method: &str, fields: &[(&str, Value)], told: Told) {
        let name = self.stranger.request(method, &[]);
        let name = name
            .descriptor()
            .get_field_by_name("id")
            .map_or("client_id", |_| "id");
        let mut fields = fields.to_vec();
        fields.push((name, text(&self.id)));
        self.call(method, &fields).await;
        self.is_told(told).await;
    }

    /// Goes to another status by its name.
    async fn go(&mut self, from: &str, to: &str, reason: Option<&str>) {
        let request = self.stranger.request("TransitionClient", &[]);
        let target = request.descriptor().get_field_by_name("target_status");
        let kind = target.expect("described").kind();
        let statuses = kind.as_enum().expect("an enum");
        let status = statuses.get_value_by_name(&format!("CLIENT_STATUS_{to}"));
        let status = Value::EnumNumber(status.expect("described").number());
        let fields = [
            ("target_status", status),
            ("reason", text(reason.unwrap_or_default())),
        ];
        let told = told("TRANSITIONED", reason, &[["status", from, to]]);
        self.step("TransitionClient", &fields, told).await;
    }

    async fn assign(&mut self, user: &str) {
        let mut request = self
            .stranger
            .request("UpdateClient", &[("id", text(&self.id))]);
        let patch = request.get_field_by_name_mut("client").expect("described");
        let patch = patch.as_message_mut().expect("a message");
        patch.set_field_by_name("assigned_to_id", text(user));
        self.stranger
            .send("UpdateClient", &request)
            .await
            .expect("assigned");
        self.is_told(told("UPDATED", None, &[["assigned_to_id", "-", user]]))
            .await;
    }

    async fn member(&self) -> String {
        let id = nobody();
        let mut request = self.stranger.request(
            "UpsertMember",
            &[("organization_id", text(&self.organization))],
        );
        let user = request.get_field_by_name_mut("user").expect("described");
        let user = user.as_message_mut().expect("a message");
        user.set_field_by_name("id", text(&id));
        user.set_field_by_name("first_name", text("Eva"));
        self.stranger
            .send("UpsertMember", &request)
            .await
            .expect("made");
        id
    }

    async fn event(&self, name: &str) -> String {
        let id = nobody();
        let fields = [
            ("id", text(&id)),
            ("organization_id", text(&self.organization)),
            ("name", text(name)),
        ];
        self.call("UpsertEvent", &fields).await;
        id
    }

    /// Asserts that the history is what it was, and one entry more.
    async fn is_told(&mut self, told: Told) {
        self.expected.push(told);
        let fields = [("client_id", text(&self.id)), ("limit", Value::I32(100))];
        let page = self.call("ListClientHistory", &fields).await;
        let mut entries = list(&page, "entries");
        entries.reverse();
        for entry in &entries {
            assert_eq!(field(entry, "actor_id"), text(&self.actor));
            assert_ne!(field(entry, "request_id"), text(""));
        }
        let told: Vec<_> = entries.iter().map(read).collect();
        assert_eq!(told, self.expected);
        let ids: Vec<_> = entries
            .iter()
            .map(|entry| string(&field(entry, "id")))
            .collect();
        let all: Vec<_> = (1..=ids.len()).map(|id| id.to_string()).collect();
        assert_eq!(ids, all);
    }
}

#[tokio::test]
async fn the_life_of_a_client() {
    let app = App::start().await;
    let root = app.super_admin();
    let mut walk = Walk {
        actor: root.user_id(),
        stranger: Stranger::new(&app, root).await,
        organization: nobody(),
        id: String::new(),
        expected: Vec::new(),
    };
    let organization = [("id", text(&walk.organization)), ("name", text("Norte"))];
    walk.call("UpsertOrganization", &organization).await;
    let new = [
        ("organization_id", text(&walk.organization)),
        ("name", text("Sofía Núñez")),
        ("email", text("sofia@norte.mx")),
    ];
    let made = walk.call("CreateClient", &new).await;
    walk.id = string(&field(&made, "client.id"));
    let beginning = [
        ["name", "-", "Sofía Núñez"],
        ["email", "-", "sofia@norte.mx"],
        ["type", "-", "INDIVIDUAL"],
        ["status", "-", "PROSPECT"],
    ];
    walk.is_told(told("CREATED", None, &beginning)).await;

    walk.go("PROSPECT", "ACTIVE", Some("firmó el contrato"))
        .await;
    walk.go("ACTIVE", "COMPLETED", None).await;
    walk.go("COMPLETED", "ACTIVE", Some("otra boda")).await;
    walk.go("ACTIVE", "INACTIVE", Some("canceló")).await;
    walk.go("INACTIVE", "PROSPECT", None).await;

    let events = [walk.event("Boda").await, walk.event("Cena").await];
    for event in &events {
        let linked = told("EVENT_LINKED", None, &[["event_id", "-", event]]);
        walk.step("LinkEvent", &[("event_id", text(event))], linked)
            .await;
    }

    let (eva, luz, sol) = (
        walk.member().await,
        walk.member().await,
        walk.member().await,
    );
    walk.assign(&eva).await;
    let member = [
        ("organization_id", text(&walk.organization)),
        ("user_id", text(&eva)),
    ];
    walk.call("RemoveMember", &member).await;
    let left = [["assigned_to_id", eva.as_str(), "-"]];
    walk.is_told(told("ASSIGNEE_LEFT", None, &left)).await;
    walk.assign(&luz).await;
    let handover = [
        ("organization_id", text(&walk.organization)),
        ("from_user_id", text(&luz)),
        ("to_user_id", text(&sol)),
    ];
    let moved = walk.call("ReassignClients", &handover).await;
    assert_eq!(field(&moved, "count"), Value::I32(1));
    let change = [["assigned_to_id", luz.as_str(), sol.as_str()]];
    walk.is_told(told("REASSIGNED", None, &change)).await;

    walk.step("DeleteClient", &[], told("DELETED", None, &[]))
        .await;
    walk.step("UndeleteClient", &[], told("UNDELETED", None, &[]))
        .await;
    let back = walk.call("GetClient", &[("id", text(&walk.id))]).await;
    assert_eq!(field(&back, "client.event_count"), Value::I32(2));
    assert_eq!(field(&back, "client.assigned_to.id"), text(&sol));
    walk.step("DeleteClient", &[], told("DELETED", None, &[]))
        .await;
    let mut left: Vec<[&str; 3]> = events
        .iter()
        .map(|event| ["event_id", event.as_str(), "-"])
        .collect();
    left.sort_unstable();
    walk.step("PurgeClient", &[], told("PURGED", None, &left))
        .await;
    let gone = walk
        .stranger
        .call("GetClient", &[("id", text(&walk.id))])
        .await;
    gone.expect_err("purged")
        .is(Code::NotFound, "CLIENT_NOT_FOUND");
    for event in &events {
        let event = walk.call("GetEvent", &[("id", text(event))]).await;
        let event = field(&event, "event");
        assert!(
            !event
                .as_message()
                .expect("an event")
                .has_field_by_name("client")
        );
    }
}
