//! `ops/service-config.json` against the contract it is for.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::matrix::methods;

fn texts<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    let list = list[key].as_array().expect("a list");
    list.iter()
        .map(|text| text.as_str().expect("a text"))
        .collect()
}

#[test]
fn the_service_config_has_every_method_once() {
    let config: Value =
        serde_json::from_str(include_str!("../../../ops/service-config.json")).expect("JSON");
    let mut found = BTreeMap::new();
    for group in config["methodConfig"].as_array().expect("a list") {
        let codes = texts(&group["retryPolicy"], "retryableStatusCodes");
        assert!(codes.contains(&"RESOURCE_EXHAUSTED") && codes.contains(&"ABORTED"));
        assert_eq!(group["waitForReady"], true);
        let seconds = group["timeout"]
            .as_str()
            .and_then(|time| time.strip_suffix('s'));
        let seconds: u32 = seconds.expect("seconds").parse().expect("a number");
        let long = ["ReassignClients", "UpsertMember", "RemoveMember"];
        let names = group["name"].as_array().expect("a list");
        let is_long = names
            .iter()
            .any(|name| long.contains(&name["method"].as_str().expect("a name")));
        let given = if is_long { 120..=120 } else { 1..=15 };
        assert!(given.contains(&seconds), "{seconds} s: {names:?}");
        // gRPC makes no more than five attempts, whatever is asked.
        assert!(group["retryPolicy"]["maxAttempts"].as_u64() <= Some(5));
        for name in group["name"].as_array().expect("a list") {
            let service = name["service"].as_str().expect("a name");
            let service = service.strip_prefix("nvito.clients.v1.").expect("ours");
            let method = name["method"].as_str().expect("a name");
            let name = format!("{service}/{method}");
            let again = found.insert(name, codes.contains(&"UNAVAILABLE"));
            assert_eq!(again, None, "{method} stands there twice");
        }
    }
    assert_eq!(
        found.keys().cloned().collect::<Vec<_>>(),
        methods().into_iter().collect::<Vec<_>>()
    );
    // What a lost connection leaves open must not be made a second time.
    let never: Vec<_> = found.iter().filter(|(_, again)| !**again).collect();
    assert_eq!(never, [(&"ClientService/CreateClient".to_owned(), &false)]);
    assert_eq!(
        config["loadBalancingConfig"][0]["round_robin"],
        serde_json::json!({})
    );
}
