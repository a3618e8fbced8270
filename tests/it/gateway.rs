//! The routes that a gateway reads from the descriptors (spec §9).

use std::collections::BTreeMap;

use nvito_clients::grpc::proto::FILE_DESCRIPTOR_SET;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, Value};

/// The routes of every method that has one.
fn routes() -> BTreeMap<String, (MethodDescriptor, DynamicMessage)> {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("descriptors");
    let http = pool
        .get_extension_by_name("google.api.http")
        .expect("the option of gateways");
    assert_eq!(http.number(), 72_295_728);
    let methods = pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>());
    let mut routes = BTreeMap::new();
    for method in methods {
        let options = method.options();
        if options.has_extension(&http) {
            let rule = options.get_extension(&http);
            let rule = rule.as_message().expect("a rule").clone();
            routes.insert(method.name().to_owned(), (method, rule));
        }
    }
    routes
}

fn text(rule: &DynamicMessage, field: &str) -> Option<String> {
    let field = rule.get_field_by_name(field)?;
    let text = field.as_str().filter(|text| !text.is_empty())?;
    Some(text.to_owned())
}

#[test]
fn the_routes_are_those_of_the_spec() {
    let expected = [
        ("CreateClient", "post", "/admin/clients", Some("*")),
        ("GetClient", "get", "/admin/clients/{id}", None),
        ("ListClients", "get", "/admin/clients", None),
        (
            "UpdateClient",
            "patch",
            "/admin/clients/{id}",
            Some("client"),
        ),
        ("DeleteClient", "delete", "/admin/clients/{id}", None),
        (
            "UndeleteClient",
            "post",
            "/admin/clients/{id}:undelete",
            Some("*"),
        ),
        (
            "TransitionClient",
            "post",
            "/admin/clients/{id}:transition",
            Some("*"),
        ),
    ];
    let routes = routes();
    assert_eq!(routes.len(), expected.len(), "{:?}", routes.keys());
    for (name, verb, path, body) in expected {
        let (method, rule) = &routes[name];
        assert_eq!(text(rule, verb).as_deref(), Some(path), "{name}");
        assert_eq!(text(rule, "body").as_deref(), body, "{name}");
        // What the route names is in the request.
        let has = |field: &str| method.input().get_field_by_name(field).is_some();
        assert!(!path.contains("{id}") || has("id"), "{name}");
        assert!(body.is_none_or(|body| body == "*" || has(body)), "{name}");
    }
}

/// The names and numbers are Google's: a rule written with theirs reads the
/// same with ours.
#[test]
fn the_option_is_google_s() {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("descriptors");
    let rule = pool
        .get_message_by_name("google.api.HttpRule")
        .expect("the rule");
    let fields: BTreeMap<u32, String> = rule
        .fields()
        .map(|field| (field.number(), field.name().to_owned()))
        .collect();
    let google = [
        (2, "get"),
        (3, "put"),
        (4, "post"),
        (5, "delete"),
        (6, "patch"),
        (7, "body"),
    ];
    assert_eq!(
        fields,
        google
            .map(|(number, name)| (number, name.to_owned()))
            .into()
    );
    // PATCH /admin/clients/{id} with the body `client`, as any protoc encodes it.
    let bytes = b"\x32\x13/admin/clients/{id}\x3a\x06client";
    let read = DynamicMessage::decode(rule, bytes.as_slice()).expect("a rule");
    assert_eq!(
        read.get_field_by_name("patch").as_deref(),
        Some(&Value::String("/admin/clients/{id}".into()))
    );
}
